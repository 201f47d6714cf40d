import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as DBError
from django.utils import timezone

from audit.cli import database_failed
from promotions.cli import check, report
from promotions.models import Promotion
from promotions.settling import settle_all


class Command(BaseCommand):
    help = (
        "Ends the promotions whose time is over, and those whose value changed on staging during "
        "the soak. For the scheduler (tick does it too); safe to run twice at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="tell of them as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = settle_all(timezone.now())
        except DBError as error:
            raise database_failed(error) from error
        if options["json"]:
            ended = {
                "expired": done.expired,
                "rejected": done.rejected,
                "held_up": done.held_up,
                "failed": [promotion for promotion, _ in done.failed],
            }
            told = {how: [_as_json(each) for each in those] for how, those in ended.items()}
            self.stdout.write(json.dumps(told, indent=2))
            check(done)
            return
        report(done, self.stdout)


def _as_json(promotion: Promotion) -> dict[str, object]:
    return {
        "promotion": promotion.pk,
        "flag": promotion.flag_key,
        "value": promotion.value,
        "reason": promotion.reason,
    }
