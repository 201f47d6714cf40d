"""Writers that can be killed: children of one process, which has Django set up for all of them.

What each of them does it notes in a common file, the journal: that it begins, and what came of it
once that is committed. A process that is killed loses nothing that it has written to a file.
"""

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tests.processes.application import Application, application
from tests.soak.writer import Errors, Writer


class Nursery:
    """The test's hand on its writers."""

    def __init__(self, process: Application, journal: Path) -> None:
        self._process = process
        self._journal = journal
        self._seeds = count(1)
        self.writers: set[int] = set()

    def prepare(self, function: Callable[[], None]) -> None:
        """Call it in the process from which the writers are forked."""
        self._process.call(function)

    def start(self, number: int) -> None:
        for _ in range(number):
            pid = self._process.call(start_writer, str(self._journal), next(self._seeds))
            self.writers.add(pid)

    def kill(self, *writers: int) -> None:
        """kill -9, all of them before any is missed."""
        self._process.call(end_writers, writers)
        self.writers -= set(writers)

    def notes(self) -> list[dict[str, Any]]:
        if not self._journal.exists():
            return []
        # The last one may be in the middle of being written.
        whole, _, _ = self._journal.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def wait_for_changes(self, number: int, seconds: float = 60) -> Counter:
        """Until `number` more changes are acknowledged; how many each living writer has made."""
        wanted = number + _changes(self.notes()).total()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            made = _changes(self.notes())
            if made.total() >= wanted:
                return Counter({pid: made[pid] for pid in self.writers if made[pid]})
            time.sleep(0.005)
        raise TimeoutError(f"no {number} changes within {seconds} s")

    def kill_one(self, chance: random.Random) -> None:
        """In the middle of whatever it does, a writer that has made changes; another comes."""
        at_work: Counter = Counter()
        while not at_work:
            at_work = self.wait_for_changes(1)
        time.sleep(chance.uniform(0, 0.02))
        self.kill(chance.choice(sorted(at_work)))
        self.start(1)


@contextmanager
def nursery(directory: Path, **extra: str) -> Iterator[Nursery]:
    """No writers yet; those that are left at the end are killed. Their log is `directory/log`."""
    with (directory / "log").open("w") as log, application(log=log, **extra) as process:
        found = Nursery(process, directory / "journal")
        try:
            yield found
        finally:
            found.kill(*found.writers)


def begun_and_not_told(notes: list[dict[str, Any]]) -> int:
    """How many changes were begun of which nothing is known: each may be there, or not."""
    begun = sum("begin" in note for note in notes)
    told = sum(note.get("outcome") in ("changed", "nothing", "moved") for note in notes)
    return begun - told


def _changes(notes: list[dict[str, Any]]) -> Counter:
    return Counter(note["pid"] for note in notes if note.get("outcome") == "changed")


# --- in the nursery's own process --------------------------------------------


def start_writer(journal: str, seed: int) -> int:
    nurse = os.getpid()
    if pid := os.fork():
        return pid
    try:
        _write(journal, seed, nurse)
    finally:
        os._exit(1)


def end_writers(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        os.waitpid(pid, 0)


def _write(journal: str, seed: int, nurse: int) -> None:
    """Until it is killed, or the nursery is gone."""
    file = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(**what: Any) -> None:
        os.write(file, (json.dumps({"pid": os.getpid(), **what}) + "\n").encode())

    writer = Writer(seed)
    while os.getppid() == nurse:
        note(begin=True)
        try:
            note(**writer.change())
        except Errors as error:
            note(outcome="failed", text=repr(error))
            writer.reconnect()
            time.sleep(0.05)
        except Exception as error:
            note(outcome="odd", text=repr(error))
            raise
