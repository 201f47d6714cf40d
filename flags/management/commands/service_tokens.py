import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from audit.ages import age
from flags.models import ServiceToken
from flags.ofrep.cli import as_json, said_on_one_line
from flags.ofrep.tokens import shown


class Command(BaseCommand):
    help = "Which service tokens there are, who has them, and when they were last used."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--env", choices=settings.CONSOLE_ENVIRONMENTS, help="default: all that are shown here"
        )
        parser.add_argument("--json", action="store_true", help="a JSON list, for programs")

    def handle(self, *, env: str | None, **options: Any) -> None:
        with said_on_one_line():
            found = shown().filter(env=env) if env else shown()
            tokens = list(found)
        if options["json"]:
            self.stdout.write(json.dumps([as_json(token) for token in tokens], indent=2))
            return
        if not tokens:
            self.stdout.write("There is none yet: manage.py create_service_token makes one.")
        for token in tokens:
            self.stdout.write(_line(token))


def _line(token: ServiceToken) -> str:
    used = f"last used {age(token.last_used_at)}" if token.last_used_at else "never used"
    state = f"revoked {age(token.revoked_at)}" if token.revoked_at else "live"
    return f"{token.name}  {token.env}  {token.app}  …{token.hint}  {state}, {used}"
