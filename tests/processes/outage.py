"""The test's database behind something that a test can break, so that the test keeps its own.

On PostgreSQL that is a network with faults; on SQLite a copy of the file.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.db import connection

from tests.processes.faults import Faults


class Network:
    """A port in front of PostgreSQL, which refuses, or accepts and says nothing."""

    def __init__(self, way: str) -> None:
        self._faults = Faults()
        self.begin = self._faults.refuse if way == "refuses" else self._faults.swallow
        self.end = self._faults.forward
        self.stop = self._faults.stop
        self.url = self._faults.url


class CopiedFile:
    """A copy of the SQLite file: gone from its place, or locked by someone else."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._path = Path(tempfile.mkdtemp(prefix="raxx-outage-")) / "copy.sqlite3"
        self._locker: sqlite3.Connection | None = None
        self.url = f"sqlite:///{self._path}"
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM INTO '{self._path}'")

    def begin(self) -> None:
        if self._way == "refuses":
            # All that was committed, in the file itself: a process that reads keeps the log of it.
            with closing(sqlite3.connect(self._path)) as whole:
                whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._path.rename(self._path.with_suffix(".away"))
            # In a place that is merely empty Django makes a new file, whose own log would be taken
            # for that of the old one when it is back.
            self._path.mkdir()
            return
        # Not in WAL mode, as a copy is: there, a writer keeps readers out.
        self._locker = sqlite3.connect(self._path, isolation_level=None)
        self._locker.execute("BEGIN EXCLUSIVE")

    def end(self) -> None:
        if self._locker:
            self._locker.close()
            self._locker = None
        else:
            self._path.rmdir()
            self._path.with_suffix(".away").rename(self._path)

    def stop(self) -> None:
        if self._locker:
            self._locker.close()
        shutil.rmtree(self._path.parent)


@contextmanager
def outage(way: str) -> Iterator[Network | CopiedFile]:
    """A database that "refuses" or "does not answer" between `begin()` and `end()`. It starts with
    what the test's database has in it; `url` is where it is."""
    database = CopiedFile(way) if connection.vendor == "sqlite" else Network(way)
    try:
        yield database
    finally:
        database.stop()
