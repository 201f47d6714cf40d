"""The per-process store behind `flags.is_on()` (runbook section 1, "Cache"). Plain Python.

A background thread keeps a table of resolved values. A read is a look-up in that table: it does
not wait for the database, and it does not touch the caller's connection or transaction.
"""

import contextlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from flags import config_vars
from flags.declarations import Declarations
from flags.errors import UndeclaredFlag
from flags.layers import Resolution, resolve

logger = logging.getLogger(__name__)

FIRST_LOAD_SECONDS = 2.0
RETRY_SECONDS = 1.0
# Refreshes within the staleness bound: a load that fails or starts late has a second try.
REFRESHES_PER_TTL = 3


class RowSource(Protocol):
    """Where a store gets its environment's DB rows from."""

    def load(self) -> Mapping[str, bool]:
        """All rows of the environment, in one query. Raises anything when it cannot."""

    def close(self) -> None:
        """Let go of the connection."""

    def abandon(self) -> None:
        """Forget a connection that was inherited through a fork, without closing it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a store answers now. `age` is how many seconds ago its rows were last read from the
    database; None: not since the process began, so config vars and YAML alone answer. `db_layer` is
    whether it reads rows at all."""

    values: Mapping[str, Resolution]
    age: float | None
    db_layer: bool


class Store:
    """Resolved values of one environment, at most `ttl` seconds old while the database answers.

    With `source` None the DB layer is off and config vars and YAML alone answer. `strict` makes an
    undeclared key raise UndeclaredFlag; otherwise it is False, with one log line per key.
    """

    def __init__(
        self,
        env: str,
        declarations: Declarations,
        source: RowSource | None,
        *,
        ttl: float = 30.0,
        strict: bool = False,
    ) -> None:
        self.env = env
        self._declarations = declarations
        self._source = source
        self._interval = ttl / REFRESHES_PER_TTL
        self._strict = strict
        self._rows: Mapping[str, bool] = {}
        # By the clock that a fork does not set back: the rows outlive one, too.
        self._loaded_at: float | None = None
        self._undeclared: set[str] = set()
        self._reset()
        _stores.add(self)

    def _reset(self) -> None:
        """Forget thread, locks and table, and start anew on the next read."""
        self._table: dict[str, Resolution] = {}
        self._values: dict[str, bool] = {}
        self._changed = threading.Condition()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._asked = self._answered = 0

    def is_on(self, key: str) -> bool:
        """Whether flag `key` is on in this store's environment."""
        try:
            return self._values[key]
        except KeyError:
            if key in self._declarations:
                return self._first_read(key).value
            return self._undeclared_is_off(key)

    def explain(self, key: str) -> Resolution:
        """The value of flag `key`, its layer, and what every layer said. Raises UndeclaredFlag."""
        if key not in self._declarations:
            raise UndeclaredFlag(key, self.env)
        return self._table.get(key) or self._first_read(key)

    def invalidate(self, *, timeout: float = FIRST_LOAD_SECONDS) -> None:
        """Have the table loaded anew, and wait until a load that began after this call is in.

        Called after a commit. Waits for a load rather than storing a value: of two commits, the one
        whose call comes last need not be the one that won.
        """
        with self._changed:
            # Asked under the lock: a first load that is just being started began before the commit.
            if self._thread is None or self._source is None:
                return
            self._ensure_refresher(self._source)
            self._asked += 1
            ticket = self._asked
            self._wake.set()
            fresh = self._changed.wait_for(lambda: self._answered >= ticket, timeout)
        if not fresh:
            logger.warning("flags of %s were not read again within %.1f s", self.env, timeout)

    def begin(self) -> None:
        """Start the refresher, if it is not at work, and do not wait for it.

        For processes that may be asked for last known values before they asked for a flag. Never
        before a fork: threads stay in the parent.
        """
        if self._source is None or (self._thread is not None and self._thread.is_alive()):
            return
        with self._changed:
            try:
                self._ensure_refresher(self._source)
            except RuntimeError as error:
                logger.warning("flags of %s have no refresher yet: %s", self.env, error)

    def snapshot(self) -> Snapshot:
        """All values as they are known now, and how old they are. Asks and waits for nothing."""
        with self._changed:
            table, loaded_at = self._table, self._loaded_at
        age = None if loaded_at is None else time.monotonic() - loaded_at
        return Snapshot(table or self._resolve(self._rows), age, self._source is not None)

    def stop(self) -> None:
        """End the refresher and close its connection. The next read starts it again."""
        thread = self._thread
        if thread is not None:
            self._stopping = True
            self._wake.set()
            thread.join()
        self._reset()

    # --- the first read ------------------------------------------------------

    def _first_read(self, key: str) -> Resolution:
        """Wait for the first load, but not for long."""
        if self._source is None:
            self._publish({})
            return self._table[key]
        with self._changed:
            try:
                self._ensure_refresher(self._source)
            except RuntimeError as error:
                logger.warning("flags of %s have no refresher yet: %s", self.env, error)
                return self._resolve(self._rows)[key]
            self._changed.wait_for(lambda: bool(self._values), FIRST_LOAD_SECONDS)
            if not self._values:
                logger.warning("flags of %s did not load in time: rows unknown", self.env)
                self._publish(self._rows)
            return self._table[key]

    def _ensure_refresher(self, source: RowSource) -> None:
        """Start the refresher where none is at work. Raises RuntimeError if there is no thread."""
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._run, args=(source,), name="flags", daemon=True)
            thread.start()
            self._thread = thread

    def _undeclared_is_off(self, key: str) -> bool:
        if self._strict:
            raise UndeclaredFlag(key)
        if key not in self._undeclared:
            self._undeclared.add(key)
            logger.error("undeclared flag %r was asked for and answered False", key)
        return False

    # --- the refresher -------------------------------------------------------

    def _run(self, source: RowSource) -> None:
        failures, loaded = 0, False
        while True:
            # Cleared before the flags are looked at: whoever sets one wakes this loop afterwards.
            self._wake.clear()
            if self._stopping:
                break
            ticket = self._asked
            try:
                self._publish(source.load(), answered=ticket)
            except Exception as error:  # noqa: BLE001 - reads go on whatever the database does
                _close(source)
                failures += 1
                if failures == 1:
                    what = "keep their last known values" if loaded else "come from env and yaml"
                    logger.warning("flags of %s %s: %s", self.env, what, error)
                self._publish(self._rows)
            else:
                if failures:
                    logger.info("flags of %s are read from the database again", self.env)
                failures, loaded = 0, True
            self._wake.wait(min(RETRY_SECONDS, self._interval) if failures else self._interval)
        _close(source)

    def _resolve(self, rows: Mapping[str, bool]) -> dict[str, Resolution]:
        env = config_vars.read(self._declarations)
        return {
            key: resolve(db=rows.get(key), env=env.get(key), yaml=declaration.default)
            for key, declaration in self._declarations.items()
        }

    def _publish(self, rows: Mapping[str, bool], answered: int | None = None) -> None:
        """Swap in a table made of `rows` and what the environment and the YAML say."""
        table = self._resolve(rows)
        values = {key: resolution.value for key, resolution in table.items()}
        with self._changed:
            self._rows, self._table, self._values = rows, table, values
            if answered is not None:
                self._loaded_at = time.monotonic()
                self._answered = max(self._answered, answered)
            self._changed.notify_all()

    def _after_fork_in_child(self) -> None:
        # The thread stayed in the parent, a lock may be held by nobody, and the connection is the
        # parent's. The rows stay: they are the last known values if the database is away.
        if self._source is not None:
            self._source.abandon()
        self._reset()


def _close(source: RowSource) -> None:
    """Let go of a connection that may be broken already: the refresher must outlive it."""
    with contextlib.suppress(Exception):
        source.close()


_stores: "weakref.WeakSet[Store]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for store in list(_stores):
        store._after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
