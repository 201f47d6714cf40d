import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DBError
from tqdm import tqdm

from audit.actor import Channel
from audit.cli import database_failed, shell_actor
from audit.export import FORMATS, Export, Filter
from audit.moments import moment
from audit.services import audited, record


class Command(BaseCommand):
    help = (
        "Write the audit log, or a part of it, as JSON lines or CSV. The file can be verified "
        "without the database: audit_verify --file. The export itself is audited."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=FORMATS, default="jsonl")
        parser.add_argument("--output", metavar="FILE", help="a new file; default: standard output")
        parser.add_argument("--action", help="such as console.flag.flip")
        parser.add_argument("--flag", metavar="KEY")
        parser.add_argument("--env", choices=("prod", "staging"))
        parser.add_argument("--actor", metavar="NAME")
        parser.add_argument("--channel", choices=Channel.values)
        parser.add_argument("--incident", metavar="ID")
        parser.add_argument("--since", type=moment, metavar="TIME", help="UTC, included")
        parser.add_argument("--until", type=moment, metavar="TIME", help="UTC, not included")

    def handle(self, *, format: str, output: str | None, **options: Any) -> None:
        chosen = Filter(**{name: options[name] for name in Filter.__dataclass_fields__})
        try:
            with self._out(output) as out:
                export = Export(chosen)
                _tell_the_log(export, chosen)
                total, quiet = export.head.size, not sys.stderr.isatty()
                with tqdm(total=total, unit="rows", disable=quiet, file=sys.stderr) as bar:
                    for taken in export.write(out, format):
                        bar.update(taken)
        except DBError as error:
            raise database_failed(error) from error
        except BrokenPipeError:
            # Python would complain of it once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise CommandError("The reader went away: the export is not complete.") from None
        except OSError as error:
            raise CommandError(f"{output}: {error}") from error

    @contextmanager
    def _out(self, output: str | None) -> Iterator[Any]:
        if output is None:
            yield self.stdout
            return
        # An archive is never written over.
        with Path(output).open("x", encoding="utf-8", newline="") as out:
            yield out


def _tell_the_log(export: Export, chosen: Filter) -> None:
    with audited():
        record(
            shell_actor(),
            "console.audit.exported",
            target_type="audit_log",
            target_id=str(export.head.size),
            payload={"up_to": export.head.size, "filter": chosen.as_dict()},
        )
