"""`heroku_commands --run`, broken off by whatever ends a process: the log has what is not done."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from audit.models import AuditEntry
from tests.flags.heroku.reporting import API, CONSOLES
from tests.flags.heroku.stub_cli import Stub, install
from tests.processes.server import ROOT, environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("declared")]

APPS = [CONSOLES["staging"], API["staging"]]
UNKNOWN = f"{APPS[0]}: broken off, whether it worked is not known.\n{APPS[1]}: not begun.\n"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


GO = """
import time
until = time.monotonic() + 60
while not (here / "go").exists() and time.monotonic() < until: time.sleep(0.02)
sys.exit("""


@contextmanager
def under_way(directory: Path, *names: str) -> Iterator[dict[str, tuple[subprocess.Popen, Stub]]]:
    """Runs of these names, which are their incidents too, once each has begun with its first app.
    The CLI ends when there is a file `go` beside it."""
    runs = {}
    try:
        for name in names:
            (directory / name).mkdir()
            cli = install(directory / name)
            program = cli.directory / "heroku"
            program.write_text(program.read_text().replace("sys.exit(", GO))
            ask = ("heroku_commands", "console_billing", "on", "--env", "staging", "--run", "--yes")
            runs[name] = begin(*ask, "--reason", "x", "--incident", name, PATH=cli.path), cli
        for process, cli in runs.values():
            until = time.monotonic() + 60
            while not cli.asked and process.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
        yield runs
    finally:
        for process, _ in runs.values():
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()


def begin(*command: str, **extra: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=environment(**extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def logged(incident: str) -> list[tuple[str, list[str]]]:
    rows = AuditEntry.objects.filter(context__incident=incident).order_by("pk")
    return [(row.action.rpartition(".")[2], row.payload["apps"]) for row in rows]


def test_a_signal_ends_it_with_what_is_not_done_in_the_log_and_on_the_terminal(tmp_path):
    with under_way(tmp_path, *(each.name for each in SIGNALS)) as runs:
        for name, (process, _) in runs.items():
            process.send_signal(signal.Signals[name])
            # A shell that ends passes it on to those that have it already.
            process.send_signal(signal.Signals[name])
        for name, (process, cli) in runs.items():
            _, told = process.communicate(timeout=60)
            assert (process.returncode, "Traceback" in told) == (1, False), (name, told)
            assert UNKNOWN in told
            assert told.endswith(f"Not done on {', '.join(APPS)}: look there, then try again.\n")
            assert [asked[-1] for asked in cli.asked] == APPS[:1]
            assert logged(name) == [("set_by_hand", APPS), ("set_by_hand_failed", APPS)]


def test_with_nobody_left_to_read_the_log_has_what_is_not_done(tmp_path):
    """As behind `| head -5`, and behind `2>&1 | head -5`."""
    with under_way(tmp_path, "out", "both") as runs:
        for name, (process, cli) in runs.items():
            process.stdout.close()
            if name == "both":
                process.stderr.close()
            (cli.directory / "go").touch()
        for name, (process, cli) in runs.items():
            assert process.wait(60) > 0
            assert [asked[-1] for asked in cli.asked] == APPS[:1]
            assert logged(name) == [("set_by_hand", APPS), ("set_by_hand_failed", APPS[1:])]
        told = runs["out"][0].stderr.read()
        assert f"{APPS[1]}: not begun.\n" in told
        assert "Traceback" not in told
        assert "Exception ignored" not in told
