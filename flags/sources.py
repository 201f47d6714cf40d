"""Where the store's rows come from: one raw query on a connection of its own. Plain Python."""

import selectors
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any
from urllib.parse import quote

import psycopg2
from psycopg2 import extensions

LOAD_SECONDS = 5.0
_QUERY = "SELECT flag_key, value FROM console_feature_flags WHERE env = "


class SQLiteSource:
    """Rows from an SQLite file. A connection lasts for one load: opening one costs less than a
    millisecond, nothing is inherited through a fork, and a file that was replaced is noticed."""

    def __init__(self, path: str, env: str) -> None:
        self._uri = f"file:{quote(path)}?mode=rw"
        self._env = env

    def load(self) -> Mapping[str, bool]:
        with closing(sqlite3.connect(self._uri, uri=True, timeout=LOAD_SECONDS)) as connection:
            connection.execute("PRAGMA query_only = ON")
            rows = connection.execute(_QUERY + "?", (self._env,)).fetchall()
        return {key: bool(value) for key, value in rows}

    def close(self) -> None:
        """Nothing is open between loads."""

    def abandon(self) -> None:
        """Nothing is open between loads."""


class PostgresSource:
    """Rows from PostgreSQL over one kept, autocommit connection.

    The connection is asynchronous and polled against a deadline of our own: a server that swallows
    packets hangs a blocking client for as long as it likes, whatever `statement_timeout` says.
    """

    def __init__(self, params: Mapping[str, Any], env: str, *, seconds: float = LOAD_SECONDS):
        self._params = {**params, "async_": True}
        self._env = env
        self._seconds = seconds
        self._connection: Any = None

    def load(self) -> Mapping[str, bool]:
        deadline = time.monotonic() + self._seconds
        if self._connection is None or self._connection.closed:
            self._connection = psycopg2.connect(**self._params)
            _wait(self._connection, deadline)
        with self._connection.cursor() as cursor:
            cursor.execute(_QUERY + "%s", (self._env,))
            _wait(self._connection, deadline)
            return {key: bool(value) for key, value in cursor.fetchall()}

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def abandon(self) -> None:
        # Closing would end the parent's session on the server. Dropping does not: psycopg2 leaves a
        # connection alone that another process opened.
        self._connection = None


def _wait(connection: Any, deadline: float) -> None:
    """Drive an asynchronous connection until it is ready. Raises TimeoutError at `deadline`."""
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        event = selectors.EVENT_READ if state == extensions.POLL_READ else selectors.EVENT_WRITE
        with selectors.DefaultSelector() as selector:
            selector.register(connection.fileno(), event)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError("the database did not answer in time")
