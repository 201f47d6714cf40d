"""Rows from an SQLite file."""

import json
import os
import sqlite3
from collections.abc import Mapping
from urllib.parse import quote

from flags.refresher import LOAD_SECONDS, RowSource

LOOK_SECONDS = 1.0
# One row with all: sqlite3 gives way to other threads at each row, and many busy ones take long.
_QUERY = "SELECT json_group_object(flag_key, value) FROM console_feature_flags WHERE env = ?"

_inherited: list[object] = []


class SQLiteSource(RowSource):
    """Rows from an SQLite file, asked for only when another connection has written to it.

    `push`: look for that every LOOK_SECONDS, not only at each load.
    """

    def __init__(self, path: str, env: str, *, push: bool = True) -> None:
        self._path = path
        self._env = env
        self._push = push
        self.hint_seconds = LOOK_SECONDS if push else None
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._version: int | None = None
        self._rows: Mapping[str, bool] = {}

    def load(self) -> Mapping[str, bool]:
        connection = self._connect()
        # Looked at before the rows: what is written in between makes the next look differ.
        version = _version(connection)
        if version != self._version:
            [rows] = connection.execute(_QUERY, (self._env,)).fetchone()
            self._rows = {key: bool(value) for key, value in json.loads(rows).items()}
            self._version = version
        return self._rows

    def _connect(self) -> sqlite3.Connection:
        """The kept connection, or a new one where another file took the place of its own."""
        if self._connection is not None and self._file != _identity(self._path):
            self.close()
        if self._connection is None:
            uri = f"file:{quote(self._path)}?mode=rw"
            # Before it is opened: another file that takes its place meanwhile is noticed later.
            self._file = _identity(self._path)
            # Threads take turns with it.
            self._connection = sqlite3.connect(
                uri, uri=True, timeout=LOAD_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA query_only = ON")
        return self._connection

    def hinted(self) -> bool:
        if self._connection is None:
            return False
        return self._file != _identity(self._path) or _version(self._connection) != self._version

    def fresh(self) -> "SQLiteSource":
        return SQLiteSource(self._path, self._env, push=self._push)

    def close(self) -> None:
        connection, self._connection, self._version = self._connection, None, None
        if connection is not None:
            connection.close()

    def abandon(self) -> None:
        # SQLite's connections must not be used after a fork, not even to close them.
        _inherited.append(self._connection)
        self._connection, self._version = None, None


def _version(connection: sqlite3.Connection) -> int:
    """A number that is another one after each commit by another connection."""
    [version] = connection.execute("PRAGMA data_version").fetchone()
    return int(version)


def _identity(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino
