"""The figures of the audit log, on SQLite and on PostgreSQL: `make bench` runs it.

Each benchmark is a program that prints lines. What a log costs: a fresh, migrated database is in
DATABASE_URL. What the audit page costs at millions of rows: it makes and fills its own.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.legs import ROOT
from tests.own_postgres import own_postgres

BENCHES = ("verify_bench", "flip_bench")
FLAGS = 32


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="raxx-bench-") as name:
        directory = Path(name)
        failed = measure("SQLite", f"sqlite:///{directory}/bench.sqlite3", directory)
        with own_postgres() as server:
            failed |= measure("PostgreSQL", server.url, directory)
    return failed or measure_pages() or measure_pages("--postgres")


def measure(name: str, url: str, directory: Path) -> int:
    """Print what this database does. 1 where a benchmark failed."""
    print(f"\n=== {name} ===", flush=True)
    surroundings = environment(url, directory)

    def run(*arguments: str) -> int:
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=ROOT, env=surroundings).returncode

    failed = run("manage.py", "migrate", "--verbosity", "0")
    for bench in BENCHES:
        failed = failed or run("-m", f"tests.bench.{bench}")
    return int(bool(failed))


def measure_pages(*arguments: str) -> int:
    """Print what a long audit log costs its page. It makes databases of its own."""
    command = [sys.executable, "-m", "tests.bench.page_bench", *arguments]
    return subprocess.run(command, cwd=ROOT).returncode


def environment(url: str, directory: Path) -> dict[str, str]:
    """A staging deployment as in production: not under DEBUG, which keeps every query."""
    flags = directory / "flags.yaml"
    flags.write_text(
        "".join(
            f"flag_{number}:\n  default: false\n  description: a flag\n  risk: low\n"
            for number in range(FLAGS)
        )
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLAG_")}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "raxxconsole.settings",
        "ENV_FILE": os.devnull,
        "DEBUG": "0",
        "SECRET_KEY": "only-for-benchmarks",
        "AUDIT_SIGNING_KEY": "only-for-benchmarks",
        "CONSOLE_ENV": "staging",
        "FLAG_CONSOLE_FEATURE_FLAGS_DB": "1",
        "FEATURE_FLAGS_FILE": str(flags),
        "DATABASE_URL": url,
    }


if __name__ == "__main__":
    sys.exit(main())
