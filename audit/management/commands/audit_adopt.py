from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DBError

from audit.adoption import NothingToAdopt, adopt
from audit.cli import database_failed, shell_actor


class Command(BaseCommand):
    help = (
        "Seal audit rows that a release wrote that knew no chain: after an upgrade that ran beside "
        "the old release, or a rollback to it. Look at each of them first (in an audit_export they "
        "are the rows whose seq is null): from then on they count as the console's own. The act "
        "itself is audited."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--through", type=int, required=True, help="the id of the last row")
        parser.add_argument("--reason", required=True, help="why they are genuine")

    def handle(self, *, through: int, reason: str, **options: Any) -> None:
        if not reason.strip():
            raise CommandError("--reason is empty: say why, the audit log keeps it.")
        try:
            count = adopt(through, actor=shell_actor(), reason=reason.strip())
        except NothingToAdopt as error:
            raise CommandError(str(error)) from error
        except DBError as error:
            raise database_failed(error) from error
        self.stdout.write(f"{count} rows up to {through} are sealed now.")
