from typing import Any

from axes.utils import reset
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DBError

from accounts.cli import ask_password, cli_actor, operator_named
from accounts.services import change_password
from audit.cli import database_failed


class Command(BaseCommand):
    help = (
        "Recovery of an operator who forgot the password: sets a new one and ends all their "
        "sessions. It is prompted for, or taken from OPERATOR_PASSWORD; they change it themselves."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the operator's username")

    def handle(self, *, name: str, **options: Any) -> None:
        try:
            user = operator_named(name, active=False)
            password = ask_password()
            validate_password(password, user)
            user.set_password(password)
            change_password(user, actor=cli_actor())
            # Whoever tried the old one too often need not wait with the new one.
            reset(username=name)
        except ValidationError as error:
            raise CommandError("\n".join(error.messages)) from error
        except DBError as error:
            raise database_failed(error) from error
        self.stdout.write(f"{name} has a new password; all sessions of {name} are ended.")
