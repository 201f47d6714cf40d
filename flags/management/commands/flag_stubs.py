"""`flag_stubs`: typed stubs of `flags` with this project's flag keys."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flags import declarations, runtime, stubs
from flags.declarations import DeclarationsError


class Command(BaseCommand):
    help = (
        "Write typed stubs of `flags` with the declared keys, for editors and type checkers: "
        "DIR/flags/__init__.pyi, decorators.pyi, testing.pyi. mypy: mypy_path = DIR; pyright: "
        "stubPath = DIR."
    )
    # It needs neither a database nor sound settings besides the flags file.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--output", type=Path, default=Path("typings"), metavar="DIR", help="default: typings"
        )
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit with 1 where out of date"
        )

    def handle(self, *, output: Path, check: bool, **options: Any) -> None:
        try:
            keys = list(declarations.load(runtime.flags_file()))
            if check:
                stale = stubs.out_of_date(output, keys)
            else:
                written = stubs.write(output, keys)
        except DeclarationsError as error:
            raise CommandError(f"The flags file is refused:\n{error}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{output}: {error}") from error
        if not check:
            self.stdout.write(f"{len(keys)} keys: {', '.join(map(str, written))}")
        elif stale:
            again = f"python manage.py flag_stubs --output {output}"
            raise CommandError(f"Out of date in {output}: {', '.join(stale)}. Run {again}")
        else:
            self.stdout.write(f"{len(keys)} keys: the stubs in {output} are up to date.")
