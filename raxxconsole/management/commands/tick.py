from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import Error as DBError

from audit import checkpoints, sealing
from audit.cli import database_failed


class Command(BaseCommand):
    help = (
        "The one job for the scheduler, every ten minutes: seals audit rows that raw SQL made, "
        "writes a checkpoint of the chain to the log, clears expired sessions. Safe to run twice "
        "at once."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = sealing.seal_waiting()
            checkpoints.log(done.head)
            call_command("clearsessions")
        except DBError as error:
            raise database_failed(error) from error
        self.stdout.write(f"{done.count} audit rows sealed; the chain has {done.head.size} links.")
