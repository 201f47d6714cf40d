from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import Error as DBError
from django.utils import timezone

from audit import chain, checkpoints, sealing
from audit.cli import database_failed
from promotions.cli import report
from promotions.settling import settle_all


class Command(BaseCommand):
    help = (
        "The one job for the scheduler, every ten minutes: seals audit rows that raw SQL made, "
        "ends promotions whose time is over or whose value changed on staging, writes a checkpoint "
        "of the chain to the log, clears expired sessions. Safe to run twice at once."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            # Sealing first: no promotion may stop it.
            done = sealing.seal_waiting()
            ended = settle_all(timezone.now())
            checkpoints.log(chain.head())
            call_command("clearsessions")
        except DBError as error:
            raise database_failed(error) from error
        self.stdout.write(f"{done.count} audit rows sealed; the chain has {done.head.size} links.")
        report(ended, self.stdout)
