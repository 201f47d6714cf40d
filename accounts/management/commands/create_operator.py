from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.cli import ask_password, cli_actor
from accounts.roles import Role
from accounts.services import create_operator


class Command(BaseCommand):
    help = (
        "Make an operator with one role. The password is prompted for, or taken from "
        "OPERATOR_PASSWORD."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the username to sign in with")
        parser.add_argument("--role", required=True, choices=[role.value for role in Role])
        parser.add_argument(
            "--totp",
            action="store_true",
            help="enrol a confirmed TOTP device and print its otpauth URI, once",
        )

    def handle(self, *, name: str, role: str, totp: bool, **options: Any) -> None:
        password = ask_password()
        try:
            _, device = create_operator(name, password, Role(role), actor=cli_actor(), totp=totp)
        except ValidationError as error:
            raise CommandError("\n".join(error.messages)) from error
        except Group.DoesNotExist as error:
            raise CommandError(
                f"The role {role} is not there: run python manage.py sync_roles."
            ) from error
        self.stdout.write(f"{name} can sign in as {role}.")
        if device:
            self.stdout.write(device.config_url)
