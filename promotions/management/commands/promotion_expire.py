from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error as DBError
from django.utils import timezone

from audit.cli import database_failed
from promotions.settling import settle_all


class Command(BaseCommand):
    help = (
        "Ends the promotions whose time is over, and those whose value changed on staging during "
        "the soak. For the scheduler (tick does it too); safe to run twice at once."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = settle_all(timezone.now())
        except DBError as error:
            raise database_failed(error) from error
        for promotion in done.expired:
            self.stdout.write(f"{promotion}: nobody promoted it in time.")
        for promotion in done.rejected:
            self.stdout.write(f"{promotion}: {promotion.reason}.")
        self.stdout.write(f"{len(done.expired)} expired, {len(done.rejected)} rejected.")
