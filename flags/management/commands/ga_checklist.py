import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from audit.cli import visible
from audit.deadline import each_answer_within
from flags.cli import PATIENCE_SECONDS
from flags.heroku.checklist import checklist
from flags.heroku.findings import Item, Verdict


class Command(BaseCommand):
    help = (
        "The sign-off checklist (docs/ops/runbooks/feature-flags.md, section 9): each item pass, "
        "fail, or cannot be seen from here, with its evidence. Exit status 1 unless all pass."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="a JSON list, for programs")

    def handle(self, **options: Any) -> None:
        with each_answer_within(PATIENCE_SECONDS):
            items = checklist(timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(item) for item in items], indent=2))
        else:
            for item in items:
                self._write(item)
        missed = [item for item in items if item.verdict is not Verdict.PASS]
        if missed:
            numbers = ", ".join(str(item.number) for item in missed)
            raise CommandError(f"{len(missed)} of {len(items)} items do not pass: {numbers}.")

    def _write(self, item: Item) -> None:
        self.stdout.write(f"{item.number}. {item.verdict.upper()}: {item.title}")
        for finding in item.findings:
            # Keys of rows are in it, which may be any text.
            self.stdout.write(visible(f"   {finding.verdict}: {finding.text}"))
            if finding.command:
                self.stdout.write(visible(f"      {finding.command}"))


def _as_json(item: Item) -> dict[str, Any]:
    return {
        "item": item.number,
        "title": item.title,
        "verdict": item.verdict.value,
        "evidence": [
            {
                "verdict": finding.verdict.value,
                "text": finding.text,
                "command": finding.command or None,
            }
            for finding in item.findings
        ],
    }
