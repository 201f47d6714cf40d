from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as DBError

from accounts.cli import cli_actor, operator_named
from accounts.enrolment import reset_totp
from audit.cli import database_failed


class Command(BaseCommand):
    help = (
        "Recovery of an operator who lost the TOTP device and the recovery codes: removes both "
        "and ends all their sessions. They enrol anew on the console, with their password."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the operator's username")

    def handle(self, *, name: str, **options: Any) -> None:
        try:
            user = operator_named(name, active=False)
            devices, sessions = reset_totp(user, actor=cli_actor())
        except DBError as error:
            raise database_failed(error) from error
        self.stdout.write(
            f"{name}: removed {devices} TOTP device(s) and all recovery codes, "
            f"ended {sessions} session(s). {name} enrols anew on the account page."
        )
