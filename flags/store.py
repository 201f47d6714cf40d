"""The per-process store behind `flags.is_on()` (runbook section 1, "Cache"). Plain Python.

A background thread keeps a table of resolved values. A read is a look-up in that table: it does
not wait for the database, and it does not touch the caller's connection or transaction.
"""

import logging
import os
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flags.declarations import Declarations
from flags.errors import UndeclaredFlag
from flags.keeper import FIRST_LOAD_SECONDS, Keeper
from flags.layers import Resolution
from flags.refresher import RowSource
from flags.table import Table
from flags.values import Values

logger = logging.getLogger(__name__)

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
        self._strict = strict
        self._undeclared: set[str] = set()
        self._table = Table(declarations, self.read)
        self._keeper = Keeper(env, self._table, source, ttl / REFRESHES_PER_TTL)
        self.is_on = self._table.values.__getitem__
        """Whether flag `key` is on in this store's environment."""
        _stores.add(self)

    def fill(self, values: Values | None) -> None:
        """Keep the values in `values` from now on, or (None) in a table of this store's own."""
        with self._keeper.changed:
            self._table.fill(values)

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
        resolutions = self._table.resolutions
        if not resolutions:
            self._keeper.have_answers()
            resolutions = self._table.resolutions or self._table.last_known()
        return resolutions[key]

    def invalidate(self, *, timeout: float = FIRST_LOAD_SECONDS) -> None:
        """Have the table loaded anew, and wait until a load that began after this call is in.

        Called after a commit. Waits for a load rather than storing a value: of two commits, the one
        whose call comes last need not be the one that won.
        """
        self._keeper.load_anew(timeout)

    @property
    def source(self) -> RowSource | None:
        """Where its rows come from; None: config vars and YAML alone answer."""
        return self._keeper.source

    @property
    def is_failing(self) -> bool:
        """Whether the last load failed."""
        return self._keeper.is_failing

    def listen(self, heard: Callable[[bool, list[str]], None]) -> None:
        """Have `heard` called after each load, in the refresher's thread: whether it went well, and
        the keys whose value is another one than before."""
        self._keeper.heard = heard

    def begin(self) -> None:
        """Start the refresher, if there is none, or replace one that missed its deadline, and do
        not wait for it.

        For processes that may be asked for last known values before they asked for a flag, and for
        event loops. Never before a fork: threads stay in the parent.
        """
        self._keeper.begin()

    def ensure_fresh(self) -> None:
        """Replace a refresher that missed its deadline, dead or hung, and wait for the first word
        of the new one, at most FIRST_LOAD_SECONDS since its start.

        Called once per request and task. As long as the refresher does its work, and while nothing
        was read yet, it costs a look at the clock.
        """
        self._keeper.ensure_fresh()

    def snapshot(self) -> Snapshot:
        """All values as they are known now, and how old they are. Asks and waits for nothing."""
        with self._keeper.changed:
            resolutions = self._table.resolutions or self._table.last_known()
            read_at = self._table.read_at
        age = None if read_at is None else time.monotonic() - read_at
        return Snapshot(resolutions, age, self.source is not None)

    def stop(self) -> None:
        """End the refresher and close its connection. The next read starts it again."""
        self._keeper.stop()

    def retire(self) -> None:
        """Have the refresher end, and wait for nothing. What is known stays the answer until
        somebody calls `begin()`."""
        self._keeper.retire()


_stores: "weakref.WeakSet[Store]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for store in list(_stores):
        store._keeper.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
