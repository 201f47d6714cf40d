"""The per-process store behind `flags.is_on()` (runbook section 1, "Cache"). Plain Python.

A background thread keeps a table of resolved values. A read is a look-up in that table: it does
not wait for the database, and it does not touch the caller's connection or transaction.
"""

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flags import config_vars
from flags.declarations import Declarations
from flags.errors import UndeclaredFlag
from flags.layers import Resolution, resolve
from flags.refresher import Refresher, RowSource
from flags.values import Values

logger = logging.getLogger(__name__)

FIRST_LOAD_SECONDS = 2.0
# Refreshes within the staleness bound: a load that fails or starts late has a second try, and one
# that hangs is noticed and replaced.
REFRESHES_PER_TTL = 3


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a store answers now. `age` is how many seconds ago its rows were last read from the
    database; None: not since the process began, so config vars and YAML alone answer. `db_layer` is
    whether it reads rows at all. `values` is one object as long as nothing in it changes."""

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
        self.heard: Callable[[bool, list[str]], None] | None = None
        """Called after each load, in the refresher's thread: whether it went well, and the keys
        whose value is another one than before."""
        self._is_retired = False
        self._values = Values(self.read)
        self._reset()
        self.is_on = self._values.__getitem__
        """Whether flag `key` is on in this store's environment."""
        _stores.add(self)

    def _reset(self) -> None:
        """Forget refresher, lock and table, and start anew on the next read."""
        self._table: dict[str, Resolution] = {}
        self._said: tuple[Mapping[str, bool], Mapping[str, bool]] | None = None
        self._changed = threading.Condition()
        self._refresher: Refresher | None = None
        self._asked = self._answered = 0
        self._is_failing = False
        self._values.begin_anew()

    def fill(self, values: Values | None) -> None:
        """Keep the table in `values` from now on, or (None) in one of this store's own."""
        with self._changed:
            self._values = Values(self.read) if values is None else values
            self._values.fill({key: known.value for key, known in self._table.items()})

    def read(self, key: str) -> bool:
        """Whether flag `key` is on, for a key that the table may not hold: an undeclared one, or
        any before the first load."""
        if key in self._declarations:
            return self.explain(key).value
        if self._strict:
            raise UndeclaredFlag(key)
        if key not in self._undeclared:
            self._undeclared.add(key)
            logger.error("undeclared flag %r was asked for and answered False", key)
        return False

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
            if self._refresher is None:
                return
            self._asked += 1
            ticket = self._asked
            self._refresher.ring()
            fresh = self._changed.wait_for(lambda: self._answered >= ticket, timeout)
        if not fresh:
            logger.warning("flags of %s were not read again within %.1f s", self.env, timeout)

    @property
    def source(self) -> RowSource | None:
        """Where its rows come from; None: config vars and YAML alone answer."""
        return self._source

    @property
    def is_failing(self) -> bool:
        """Whether the last load failed."""
        return self._is_failing

    def begin(self) -> None:
        """Start the refresher, if there is none, or replace one that missed its deadline, and do
        not wait for it.

        For processes that may be asked for last known values before they asked for a flag, and for
        event loops. Never before a fork: threads stay in the parent.
        """
        refresher = self._refresher
        if refresher is None or refresher.is_overdue():
            with self._changed:
                self._is_retired = False
                self._have_refresher()

    def ensure_fresh(self) -> None:
        """Replace a refresher that missed its deadline, dead or hung, and wait for the first word
        of the new one, at most FIRST_LOAD_SECONDS since its start.

        Called once per request and task. As long as the refresher does its work, and while nothing
        was read yet, it costs a look at the clock.
        """
        refresher = self._refresher
        if refresher is None or (refresher.has_reported and not refresher.is_overdue()):
            return
        with self._changed:
            self._have_refresher()
            self._await_first_word()

    def snapshot(self) -> Snapshot:
        """All values as they are known now, and how old they are. Asks and waits for nothing."""
        with self._changed:
            table, loaded_at = self._table, self._loaded_at
        age = None if loaded_at is None else time.monotonic() - loaded_at
        return Snapshot(table or self._last_known(), age, self._source is not None)

    def stop(self) -> None:
        """End the refresher and close its connection. The next read starts it again."""
        with self._changed:
            refresher, self._refresher = self._refresher, None
        if refresher is not None:
            refresher.end(join=True)
        self._reset()

    def retire(self) -> None:
        """Have the refresher end, and wait for nothing. What is known stays the answer until
        somebody calls `begin()`."""
        with self._changed:
            refresher, self._refresher, self._is_retired = self._refresher, None, True
            if refresher is not None:
                refresher.end(join=False)
                # The old one may be in the middle of a load.
                self._source = refresher.source.fresh()
            if not self._table:
                self._publish(self._rows, by=None)

    # --- the first read ------------------------------------------------------

    def _first_read(self, key: str) -> Resolution:
        """Wait for the first load, but not for long."""
        with self._changed:
            if self._source is None or self._is_retired:
                self._publish(self._rows, by=self._refresher)
                return self._table[key]
            if not self._have_refresher():
                return self._last_known()[key]
            self._changed.wait_for(lambda: bool(self._table), FIRST_LOAD_SECONDS)
            self._go_without()
            return self._table[key]

    def _have_refresher(self) -> bool:
        """Start one where there is none, or where it missed its deadline. False where no thread is
        to be had. Under the lock; whoever looks without it sees the old one or the new one."""
        refresher = self._refresher
        if refresher is not None and refresher.is_overdue():
            logger.error("the refresher of the flags of %s hangs: another begins", self.env)
            refresher.end(join=False)
            self._source, refresher = refresher.source.fresh(), None
        if refresher is None and self._source is not None and not self._is_retired:
            refresher = Refresher(self._source, self._refresh, self._interval)
            try:
                refresher.start()
            except RuntimeError as error:
                logger.warning("flags of %s have no refresher yet: %s", self.env, error)
                refresher = None
        self._refresher = refresher
        return refresher is not None

    def _await_first_word(self) -> None:
        """Wait until the refresher reported once, or had its time to. Under the lock."""
        refresher = self._refresher
        if refresher is not None:
            left = refresher.started + FIRST_LOAD_SECONDS - time.monotonic()
            self._changed.wait_for(lambda: refresher.has_reported, max(0.0, left))
            self._go_without()

    def _go_without(self) -> None:
        """Have no read wait any more for a load that is late. Under the lock."""
        if not self._table:
            logger.warning("flags of %s did not load in time: rows unknown", self.env)
            self._publish(self._rows, by=self._refresher)

    # --- the refresher -------------------------------------------------------

    def _refresh(self, by: Refresher) -> bool:
        """Load, publish what came, and tell who listens."""
        before = self._table
        went_well = self._take(by)
        if self.heard is not None and by is self._refresher:
            self.heard(went_well, _differing(before, self._table))
        return went_well

    def _take(self, by: Refresher) -> bool:
        """Load, and publish what came. Where nothing comes, the last known rows stay."""
        ticket = self._asked
        try:
            self._publish(by.source.load(), by=by, answered=ticket)
        except Exception as error:  # noqa: BLE001 - reads go on whatever the database does
            if not self._is_failing:
                known = self._loaded_at is not None
                what = "keep their last known values" if known else "come from env and yaml"
                logger.warning("flags of %s %s: %s", self.env, what, error)
            self._is_failing = True
            self._publish(self._rows, by=by)
            return False
        if self._is_failing:
            logger.info("flags of %s are read again", self.env)
        self._is_failing = False
        return True

    def _publish(
        self, rows: Mapping[str, bool], *, by: Refresher | None, answered: int | None = None
    ) -> None:
        """Put in place what `rows`, the environment and the YAML say together. `answered`: the rows
        are fresh, and answer whoever asked up to this ticket."""
        said = rows, config_vars.read(self._declarations)
        table = self._table if said == self._said else self._resolve(*said)
        with self._changed:
            if by is not self._refresher:
                # One that was given up comes late, or the store was stopped.
                return
            self._rows, self._said, self._table = rows, said, table
            self._values.fill({key: known.value for key, known in table.items()})
            if answered is not None:
                self._loaded_at = time.monotonic() - (by.source.age if by is not None else 0.0)
                self._answered = max(self._answered, answered)
            if by is not None:
                by.has_reported = True
            self._changed.notify_all()

    def _resolve(self, rows: Mapping[str, bool], env: Mapping[str, bool]) -> dict[str, Resolution]:
        return {
            key: resolve(db=rows.get(key), env=env.get(key), yaml=declaration.default)
            for key, declaration in self._declarations.items()
        }

    def _last_known(self) -> dict[str, Resolution]:
        return self._resolve(self._rows, config_vars.read(self._declarations))

    def _after_fork_in_child(self) -> None:
        # The thread stayed in the parent, a lock may be held by nobody, and the connection is the
        # parent's. The rows stay: they are the last known values if the database is away.
        if self._refresher is not None:
            self._refresher.forget()
        elif self._source is not None:
            self._source.abandon()
        self._reset()


def _differing(before: Mapping[str, Resolution], after: Mapping[str, Resolution]) -> list[str]:
    """The keys whose value is another one, or was none."""
    if before is after:
        return []
    return [key for key in after if key not in before or before[key].value is not after[key].value]


_stores: "weakref.WeakSet[Store]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for store in list(_stores):
        store._after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
