from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error as DBError

from audit import checkpoints, sealing
from audit.cli import database_failed


class Command(BaseCommand):
    help = (
        "Print a signed checkpoint of the audit chain, one line of JSON. Keep it where whoever "
        "holds the database cannot reach: only a checkpoint exposes a log whose end was cut off."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            head = sealing.seal_waiting().head
        except DBError as error:
            raise database_failed(error) from error
        self.stdout.write(checkpoints.make(head).as_json())
