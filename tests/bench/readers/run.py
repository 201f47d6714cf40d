"""Starts a process for each library, asks them by turns, and prints a table for each size.

python -m tests.bench readers
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.bench.deployment import environment
from tests.bench.readers.table import table
from tests.legs import ROOT
from tests.own_postgres import own_postgres

SIZES = (100, 1_000)
ROUNDS = 10
OURS = ("ours", "ours_attribute", "ours_postgres")
PEERS = (
    "flipper_client",
    "openfeature_memory",
    "launchdarkly",
    "unleash",
    "django_waffle",
    "django_flags_request",
    "django_flags",
)
_PROGRAM = ROOT / "tests/bench/readers/program.py"
# django-flags and this console both bring a package named `flags`.
PEERS_PYTHON = ROOT / ".venv-bench/bin/python"


def main() -> int:
    if not PEERS_PYTHON.exists():
        print("The other libraries are not installed: make bench installs them.", file=sys.stderr)
        return 1
    print(f"\n=== What one question costs: Python {platform.python_version()} ===", flush=True)
    with tempfile.TemporaryDirectory(prefix="raxx-bench-") as name, own_postgres() as server:
        directory = Path(name)
        urls = dict.fromkeys(OURS, f"sqlite:///{directory}/bench.sqlite3")
        urls["ours_postgres"] = server.url
        for url in set(urls.values()):
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
                cwd=ROOT,
                env=environment(url, directory),
                check=True,
            )
        for flags in SIZES:
            rows = measure(flags, directory, urls)
            print(f"\n{flags:,} flags, load {os.getloadavg()[0]:.1f}\n\n{table(rows)}", flush=True)
    print()
    for row in rows:
        print(f"- {row['title']}{row['package']}: {row['setup']}")
    return 0


def measure(flags: int, directory: Path, urls: dict[str, str]) -> list[dict[str, Any]]:
    """What each library took: its title, and in `rounds` the answers of each round."""
    with ExitStack() as stack:
        programs = [
            stack.enter_context(program(library, flags, directory, urls))
            for library in ("bare", *OURS, *PEERS)
        ]
        rows = [{**_answer(each), "rounds": []} for each in programs]
        for number in range(ROUNDS):
            # None is always the one that runs after the slowest.
            order = range(len(rows)) if number % 2 else reversed(range(len(rows)))
            for place in order:
                asked = ("one", "all", "threads", "singles")
                told = {word: _ask(programs[place], word) for word in asked}
                rows[place]["rounds"].append(told)
        for each, row in zip(programs, rows, strict=True):
            row["queries"] = _ask(each, "queries")["each"]
    return rows


@contextmanager
def program(
    library: str, flags: int, directory: Path, urls: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """The process of one library, which ends with the block."""
    own = Path(tempfile.mkdtemp(dir=directory))
    if library in urls:
        python, env = sys.executable, environment(urls[library], own, flags=flags)
        env["PYTHONPATH"] = str(ROOT)
    else:
        python = str(PEERS_PYTHON)
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "DJANGO_"))
        }
    process = subprocess.Popen(
        [python, str(_PROGRAM), library, str(flags), str(own)],
        cwd=own,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _ask(process: subprocess.Popen[str], word: str) -> dict[str, Any]:
    assert process.stdin is not None
    print(word, file=process.stdin, flush=True)
    return _answer(process)


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args} ended without an answer")
    return json.loads(line)
