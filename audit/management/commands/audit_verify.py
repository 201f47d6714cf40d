import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DBError
from tqdm import tqdm

from audit import checkpoints, offline
from audit.cli import ONLY_READS, database_failed
from audit.damage import MEANING, SHOWN, Kind, Report
from audit.moments import moment
from audit.verification import Verification


class Command(BaseCommand):
    help = (
        "Walk the whole audit chain and report all damage: each kind with its first row. Exits 0 "
        "where there is none, else 1. What a checkpoint adds: docs/architecture/audit-log.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--checkpoint",
            metavar="FILE",
            action="append",
            default=[],
            help="checkpoints of audit_checkpoint, or a log that has some; may be repeated",
        )
        parser.add_argument(
            "--since",
            type=moment,
            metavar="TIME",
            help="only rows from then on (UTC): 2026-05-04 or 2026-05-04T03:00",
        )
        parser.add_argument(
            "--file", metavar="EXPORT", help="a file of audit_export instead of the database"
        )
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(
        self, *, checkpoint: list[str], since: datetime | None, file: str | None, **options: Any
    ) -> None:
        if file and since:
            raise CommandError("--since is for the database: an export has its own.")
        known = [found for name in checkpoint for found in _checkpoints(name)]
        try:
            if file:
                run: Any = offline.FileVerification(Path(file), known)
            else:
                run = Verification(known, since)
            with tqdm(total=run.total, unit="rows", disable=_is_quiet(), file=sys.stderr) as bar:
                for done in run.run():
                    bar.update(done)
        except DBError as error:
            raise database_failed(error, so=ONLY_READS) from error
        except (OSError, offline.NotAnExport) as error:
            raise CommandError(f"{file}: {error}") from error
        if options["json"]:
            self.stdout.write(json.dumps(run.report.as_dict(), indent=2))
        else:
            self._tell(run.report)
        if not run.report.ok:
            sys.exit(1)

    def _tell(self, report: Report) -> None:
        for kind in Kind:
            found = report.found.get(kind)
            if not found:
                continue
            self.stdout.write(f"{kind.value.upper()}: {found.count}. {MEANING[kind]}.")
            for number, place in enumerate(found.places):
                self.stdout.write(f"  {'first: ' if not number else ''}{place}")
            if found.count > len(found.places) == SHOWN:
                self.stdout.write("  …")
        for note in report.notes:
            self.stdout.write(note)
        verdict = "no damage found" if report.ok else "THE LOG IS DAMAGED"
        self.stdout.write(f"{report.checked} rows checked: {verdict}.")


def _checkpoints(name: str) -> list[checkpoints.Checkpoint]:
    try:
        with Path(name).open(encoding="utf-8", errors="replace") as lines:
            found = checkpoints.read(lines)
    except (OSError, checkpoints.NotACheckpoint) as error:
        raise CommandError(f"{name}: {error}") from error
    if not found:
        raise CommandError(f"{name}: there is no checkpoint in it.")
    return found


def _is_quiet() -> bool:
    return not (sys.stderr is not None and sys.stderr.isatty())
