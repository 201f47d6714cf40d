from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import Error as DBError
from django.utils import timezone

from audit import checkpoints, sealing
from audit.cli import database_failed
from promotions.settling import settle_all


class Command(BaseCommand):
    help = (
        "The one job for the scheduler, every ten minutes: ends promotions whose time is over or "
        "whose value changed on staging, seals audit rows that raw SQL made, writes a checkpoint "
        "of the chain to the log, clears expired sessions. Safe to run twice at once."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            ended = settle_all(timezone.now())
            done = sealing.seal_waiting()
            checkpoints.log(done.head)
            call_command("clearsessions")
        except DBError as error:
            raise database_failed(error) from error
        self.stdout.write(
            f"{len(ended.expired)} promotions expired, {len(ended.rejected)} rejected. "
            f"{done.count} audit rows sealed; the chain has {done.head.size} links."
        )
