"""Figures of reading flags and of the audit log. `make bench` runs it.

    python -m tests.bench [PART]...

Without a part it runs them all, in the order of PARTS. What a log costs is measured on a fresh,
migrated database, on SQLite and on PostgreSQL; the other parts make and fill their own.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.deployment import FLAGS, environment
from tests.bench.ofrep_bench import OFREP_FLAGS
from tests.bench.readers.run import main as readers
from tests.legs import ROOT
from tests.own_postgres import own_postgres

LOG = ("verify_bench", "flip_bench")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parts = parser.parse_args().parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    failed = [part for part in parts if PARTS[part]()]
    if failed:
        print(f"\nFailed: {', '.join(failed)}", flush=True)
    return int(bool(failed))


def log() -> int:
    """What sealing costs a flip, and how fast the log is verified."""
    with tempfile.TemporaryDirectory(prefix="raxx-bench-") as name:
        directory = Path(name)
        failed = measure("SQLite", f"sqlite:///{directory}/bench.sqlite3", directory, *LOG)
        with own_postgres() as server:
            failed |= measure("PostgreSQL", server.url, directory, *LOG)
    return failed


def push() -> int:
    """How soon a change is in other processes."""
    return on_postgres("push_bench", flags=FLAGS)


def ofrep() -> int:
    """What OFREP's bulk endpoint serves, beside a view that returns a constant."""
    return on_postgres("ofrep_bench", flags=OFREP_FLAGS)


def on_postgres(bench: str, *, flags: int) -> int:
    """Run one benchmark on a PostgreSQL of its own."""
    with tempfile.TemporaryDirectory(prefix="raxx-bench-") as name, own_postgres() as server:
        return measure("PostgreSQL", server.url, Path(name), bench, flags=flags)


def measure(name: str, url: str, directory: Path, *benches: str, flags: int = FLAGS) -> int:
    """Print what this database does. 1 where a benchmark failed."""
    print(f"\n=== {name}: {', '.join(benches)} ===", flush=True)
    surroundings = environment(url, directory, flags=flags)

    def run(*arguments: str) -> int:
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=ROOT, env=surroundings).returncode

    failed = run("manage.py", "migrate", "--verbosity", "0")
    for bench in benches:
        failed = failed or run("-m", f"tests.bench.{bench}")
    return int(bool(failed))


def pages() -> int:
    """What the audit page costs at millions of rows."""
    return measure_pages() or measure_pages("--postgres")


def measure_pages(*arguments: str) -> int:
    """Print what a long audit log costs its page. It makes databases of its own."""
    command = [sys.executable, "-m", "tests.bench.page_bench", *arguments]
    return subprocess.run(command, cwd=ROOT).returncode


PARTS: dict[str, Callable[[], int]] = {
    "readers": readers,
    "push": push,
    "ofrep": ofrep,
    "log": log,
    "pages": pages,
}


if __name__ == "__main__":
    sys.exit(main())
