import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from audit.ages import age
from audit.cli import ONLY_READS
from flags.cli import add_env
from flags.models import ServiceToken
from flags.ofrep.cli import as_json, said_on_one_line
from flags.ofrep.tokens import shown

HEADER = ("NAME", "ENV", "APP", "ENDS IN", "STATE", "LAST USED")


class Command(BaseCommand):
    help = "Which service tokens there are, who has them, and when they were last used."

    def add_arguments(self, parser: CommandParser) -> None:
        add_env(parser, help="default: all that are shown here")
        parser.add_argument("--json", action="store_true", help="a JSON list, for programs")

    def handle(self, *, env: str | None, **options: Any) -> None:
        with said_on_one_line(ONLY_READS):
            found = shown().filter(env=env) if env else shown()
            tokens = list(found)
        if options["json"]:
            self.stdout.write(json.dumps([as_json(token) for token in tokens], indent=2))
            return
        if not tokens:
            self.stdout.write("There is none yet: python manage.py create_service_token makes one.")
            return
        lines = [HEADER, *map(_cells, tokens)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for cells in lines:
            padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            self.stdout.write("  ".join(padded).rstrip())


def _cells(token: ServiceToken) -> tuple[str, ...]:
    used = age(token.last_used_at) if token.last_used_at else "never"
    state = f"revoked {age(token.revoked_at)}" if token.revoked_at else "live"
    return token.name, token.env, token.app, token.hint, state, used
