"""Who keeps a store's table fresh: one refresher at a time, and those that wait for it.

Plain Python. The lock is the table's, too. Readers of values never take it.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from flags.refresher import Refresher, RowSource
from flags.table import Table, differing

logger = logging.getLogger(__name__)

FIRST_LOAD_SECONDS = 2.0


class Keeper:
    """Keeps `table` as `source` has it, with a load each `interval` seconds and on every hint.

    With `source` None there is nothing to load, and config vars and YAML answer. `name` is what the
    log calls the table's flags.
    """

    def __init__(self, name: str, table: Table, source: RowSource | None, interval: float) -> None:
        self.name = name
        self.source = source
        self.is_failing = False
        """Whether the last load failed."""
        self.heard: Callable[[bool, list[str]], None] | None = None
        """Called after each load, in the refresher's thread: whether it went well, and the keys
        whose value is another one than before."""
        self._table = table
        self._interval = interval
        self._is_retired = False
        self._reset()

    def _reset(self) -> None:
        """Start anew on the next read, with a lock that nobody holds."""
        self.changed = threading.Condition()
        self._refresher: Refresher | None = None
        self._asked = self._answered = 0
        self._forget()

    def _forget(self) -> None:
        """Forget what was resolved; rows and their age stay."""
        self.is_failing = False
        self._lacks_one = False
        self._table.begin_anew()

    def begin(self) -> None:
        """Start the refresher, if there is none, or replace one that missed its deadline, and do
        not wait for it. Never before a fork: threads stay in the parent."""
        refresher = self._refresher
        if refresher is None or refresher.is_overdue():
            with self.changed:
                self._is_retired = False
                self._have_refresher()

    def ensure_fresh(self) -> None:
        """Replace a refresher that missed its deadline, dead or hung, and wait for the first word
        of the new one, at most FIRST_LOAD_SECONDS since its start.

        As long as the refresher does its work, and while nothing was read yet, it costs a look at
        the clock.
        """
        refresher = self._refresher
        if refresher is None and not self._lacks_one:
            return
        if refresher is not None and refresher.has_reported and not refresher.is_overdue():
            return
        with self.changed:
            self._have_refresher()
            self._await_first_word()

    def have_answers(self) -> None:
        """Wait until the table answers, at most FIRST_LOAD_SECONDS. Where no thread is to be had it
        does not answer yet."""
        with self.changed:
            if self.source is None or self._is_retired:
                self.publish_last_known(self._refresher)
            elif self._have_refresher():
                self.changed.wait_for(lambda: bool(self._table.resolutions), FIRST_LOAD_SECONDS)
                self._go_without()

    def load_anew(self, timeout: float) -> None:
        """Have the rows loaded, and wait until a load that began after this call is in."""
        with self.changed:
            # Asked under the lock: a first load that is just being started began before the commit.
            if self._refresher is None:
                return
            self._asked += 1
            ticket = self._asked
            self._refresher.ring()
            fresh = self.changed.wait_for(lambda: self._answered >= ticket, timeout)
        if not fresh:
            logger.warning("flags of %s were not read again within %.1f s", self.name, timeout)

    def stop(self) -> None:
        """End the refresher and close its connection. The next read starts it again."""
        with self.changed:
            refresher, self._refresher = self._refresher, None
        if refresher is not None:
            refresher.end(join=True)
        with self.changed:
            if self._refresher is None:
                self._forget()

    def retire(self) -> None:
        """Have the refresher end, and wait for nothing. What is known stays the answer until
        somebody calls `begin()`."""
        with self.changed:
            refresher, self._refresher, self._is_retired = self._refresher, None, True
            self._lacks_one = False
            if refresher is not None:
                refresher.end(join=False)
                # The old one may be in the middle of a load.
                self.source = refresher.source.fresh()
            if not self._table.resolutions:
                self.publish_last_known(None)

    def publish(
        self, rows: Mapping[str, bool], *, by: Refresher | None, age: float, answered: int = 0
    ) -> None:
        """Have fresh rows answer, that were read `age` seconds ago; whoever asked up to this ticket
        is answered, too."""
        with self.changed:
            # One that was given up, or stopped, comes late.
            if by is not self._refresher:
                return
            self._table.put(rows, age=age)
            self._answered = max(self._answered, answered)
            self._has_reported(by)

    def publish_last_known(self, by: Refresher | None) -> None:
        """Have the last known rows answer, where no fresh ones came."""
        with self.changed:
            if by is not self._refresher:
                return
            self._table.put(self._table.rows, age=None)
            self._has_reported(by)

    def after_fork_in_child(self) -> None:
        # The thread stayed in the parent, a lock may be held by nobody, and the connection is the
        # parent's. The rows stay: they are the last known values if the database is away.
        if self._refresher is not None:
            self._refresher.forget()
        elif self.source is not None:
            self.source.abandon()
        self._reset()

    def _have_refresher(self) -> bool:
        """Start one where there is none, or where it missed its deadline. False where no thread is
        to be had. Under the lock; whoever looks without it sees the old one or the new one."""
        refresher = self._refresher
        if refresher is not None and refresher.is_overdue():
            logger.error("the refresher of the flags of %s hangs: another begins", self.name)
            refresher.end(join=False)
            self.source, refresher = refresher.source.fresh(), None
        if refresher is None and self.source is not None and not self._is_retired:
            refresher = self._started(self.source)
        self._refresher = refresher
        return refresher is not None

    def _started(self, source: RowSource) -> Refresher | None:
        """A new refresher; None where no thread, or no file descriptor, is to be had."""
        try:
            refresher = Refresher(source, self._refresh, self._interval)
            refresher.start()
        except (RuntimeError, OSError) as error:
            if not self._lacks_one:
                logger.warning("flags of %s have no refresher yet: %s", self.name, error)
            # Where the table is full no read would ask for one again.
            self._lacks_one = True
            return None
        self._lacks_one = False
        return refresher

    def _await_first_word(self) -> None:
        """Wait until the refresher reported once, or had its time to. Under the lock."""
        refresher = self._refresher
        if refresher is not None:
            left = refresher.started + FIRST_LOAD_SECONDS - time.monotonic()
            self.changed.wait_for(lambda: refresher.has_reported, max(0.0, left))
            self._go_without()

    def _go_without(self) -> None:
        """Have no read wait any more for a load that is late. Under the lock."""
        if not self._table.resolutions:
            logger.warning(
                "flags of %s did not load in time: env and yaml answer until they do", self.name
            )
            self.publish_last_known(self._refresher)

    # --- in the refresher's thread -------------------------------------------

    def _refresh(self, by: Refresher) -> bool:
        """Load, publish what came, and tell who listens."""
        before = self._table.resolutions
        went_well = self._take(by)
        if self.heard is not None and by is self._refresher:
            self.heard(went_well, differing(before, self._table.resolutions))
        return went_well

    def _take(self, by: Refresher) -> bool:
        """Load, and publish what came. Where nothing comes, the last known rows stay."""
        ticket = self._asked
        try:
            self.publish(by.source.load(), by=by, age=by.source.age, answered=ticket)
        except Exception as error:  # noqa: BLE001 - reads go on whatever the database does
            if by is not self._refresher:
                return False
            if not self.is_failing:
                known = self._table.read_at is not None
                what = "keep their last known values" if known else "come from env and yaml"
                logger.warning("flags of %s %s: %s", self.name, what, error)
            self.is_failing = True
            self.publish_last_known(by)
            return False
        if by is not self._refresher:
            return True
        if self.is_failing:
            # As loud as the loss: whoever saw that one sees its end.
            logger.warning("flags of %s are read again", self.name)
        self.is_failing = False
        return True

    def _has_reported(self, by: Refresher | None) -> None:
        """Nobody waits any more for the first word of `by`, or had its time to."""
        if by is not None:
            by.has_reported = True
        self.changed.notify_all()
