"""Rows from PostgreSQL, which tells of each change."""

import contextlib
import logging
import os
import selectors
import time
from collections.abc import Mapping
from typing import Any

import psycopg2
from psycopg2 import extensions

from flags.bell import Selector
from flags.refresher import LOAD_SECONDS, RowSource
from flags.sources.addresses import hostaddr, names_of

logger = logging.getLogger(__name__)

CHANNEL = "console_feature_flags"
"""Where PostgreSQL's trigger tells of each change, without a word of what changed."""
_QUERY = "SELECT flag_key, value FROM console_feature_flags WHERE env = %s"
# Shorter than our own deadline: the server gives up first, says so, and keeps no query that waits
# for somebody's lock. For this query alone, whoever gets the session from a pooler next.
_SERVER_LIMIT = "SET LOCAL statement_timeout = '4s'; "


class PostgresSource(RowSource):
    """Rows from PostgreSQL over one kept, autocommit connection, which listens for changes, too.

    The connection is asynchronous and polled against a deadline of our own: a server that swallows
    packets hangs a blocking client for as long as it likes, whatever `statement_timeout` says.
    `push` False: do not listen, for poolers that give each query to another session.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        env: str,
        *,
        push: bool = True,
        seconds: float = LOAD_SECONDS,
    ) -> None:
        self._params = {**params, "async_": True}
        self._names = names_of(params)
        self._env = env
        self._push = push
        self._seconds = seconds
        self._connection: Any = None
        self._listens = False

    def load(self) -> Mapping[str, bool]:
        deadline = time.monotonic() + self._seconds
        if self._connection is None or self._connection.closed:
            where = hostaddr(self._params, self._names, deadline) if self._names else {}
            self._connection = psycopg2.connect(**(self._params | where))
            _wait(self._connection, deadline)
            self._listens = self._push and self._listen(deadline)
        self._connection.notifies.clear()
        with self._connection.cursor() as cursor:
            cursor.execute(_SERVER_LIMIT + _QUERY, (self._env,))
            _wait(self._connection, deadline)
            return {key: bool(value) for key, value in cursor.fetchall()}

    def _listen(self, deadline: float) -> bool:
        """Have the server tell of changes from now on. Before the first query, whose rows may be
        older than the first thing that is told. A standby refuses: then the interval is all."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
                _wait(self._connection, deadline)
        except psycopg2.Error as error:
            if self._connection.closed:
                raise
            logger.warning("changes of flags are not pushed by this database: %s", error)
            return False
        return True

    def fileno(self) -> int | None:
        if self._connection is None or not self._listens:
            return None
        return int(self._connection.fileno())

    def hinted(self) -> bool:
        if self._connection is None or not self._listens:
            return False
        self._connection.poll()
        return bool(self._connection.notifies)

    def fresh(self) -> "PostgresSource":
        return PostgresSource(self._params, self._env, push=self._push, seconds=self._seconds)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def abandon(self) -> None:
        # Closing would end the parent's session on the server. Dropping does not: psycopg2 leaves a
        # connection alone that another process opened. Our copy of the descriptor goes, or the
        # session would outlive a parent that dies.
        if self._names is not None:
            self._names.forget()
        connection, self._connection = self._connection, None
        if connection is not None and not connection.closed:
            with contextlib.suppress(OSError, psycopg2.Error):
                os.close(connection.fileno())


def _wait(connection: Any, deadline: float) -> None:
    """Drive an asynchronous connection until it is ready. Raises TimeoutError at `deadline`."""
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        event = selectors.EVENT_READ if state == extensions.POLL_READ else selectors.EVENT_WRITE
        with Selector() as selector:
            selector.register(connection.fileno(), event)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError("the database did not answer in time")
