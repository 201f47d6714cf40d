import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as DBError
from django.utils import timezone

from audit.cli import ONLY_READS, database_failed
from audit.deadline import each_answer_within
from flags.cli import PATIENCE_SECONDS
from flags.heroku.table import as_json, as_markdown, read_table


class Command(BaseCommand):
    help = (
        "The config vars of all apps: active, dormant, soaking, soaked, ready to be removed, or "
        "removed, and what each lacks. Writes nothing and removes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--format", choices=["md", "json"], default="md")
        form.add_argument("--json", dest="format", action="store_const", const="json")

    def handle(self, *, format: str, **options: Any) -> None:
        try:
            with each_answer_within(PATIENCE_SECONDS):
                table = read_table(timezone.now())
        except DBError as error:
            raise database_failed(error, so=ONLY_READS) from error
        if format == "json":
            self.stdout.write(json.dumps(as_json(table), indent=2))
        else:
            self.stdout.write(as_markdown(table), ending="")
