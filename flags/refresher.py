"""The thread that keeps a store fresh. Plain Python.

It refreshes at its interval, when it is rung for, and when its source has a hint that something
changed. Before everything that may take time it says by when it will be heard of again (`due`):
one that is dead or hangs is known by a deadline that it missed.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from flags.bell import Bell

logger = logging.getLogger(__name__)

LOAD_SECONDS = 5.0
"""A source gives up on a load after this time."""
RETRY_SECONDS = 1.0
# What a thread may be late by on a machine whose processors have other things to do.
GRACE_SECONDS = 5.0
# Hints that come in a crowd make one load: no load begins sooner than this after the one before.
CALM_SECONDS = 0.05


class RowSource:
    """Where a store gets its environment's values from. One thread at a time uses it."""

    hint_seconds: float | None = None
    """How often `hinted` is worth a call; None: only when there is something to read at `fileno`"""
    age: float = 0.0
    """How old the values of the last load were already, in seconds: where others read them first"""

    def load(self) -> Mapping[str, bool]:
        """All values, by key, within LOAD_SECONDS. Raises anything when it cannot."""
        raise NotImplementedError

    def fresh(self) -> "RowSource":
        """The same values over a connection of its own, while another thread hangs in this one."""
        raise NotImplementedError

    def pause(self, interval: float, failures: int) -> float:
        """Seconds until the next load, where `interval` is asked for and the last `failures` loads
        failed, one after the other."""
        return min(RETRY_SECONDS, interval) if failures else interval

    def fileno(self) -> int | None:
        """A socket where hints arrive."""
        return None

    def hinted(self) -> bool:
        """Whether the values may have changed since the last load. Does not wait. Raises anything
        when the connection is lost."""
        return False

    def close(self) -> None:
        """Let go of the connection."""

    def abandon(self) -> None:
        """Forget a connection that was inherited through a fork, without closing it."""


class Refresher:
    """A thread that calls `refresh(self)` again and again until it is told to end.

    `refresh` loads from `source` and says whether that went well. `interval` is the time between
    two loads without a hint, in seconds, of which the source makes its own (`pause`).
    """

    def __init__(
        self, source: RowSource, refresh: Callable[["Refresher"], bool], interval: float
    ) -> None:
        """Raises OSError where no file descriptor can be had."""
        self.source = source
        self.started = time.monotonic()
        self.has_reported = False
        """Whether its first load is over, well or not."""
        self.is_ended = False
        self.due = self.started + LOAD_SECONDS + GRACE_SECONDS
        self._refresh = refresh
        self._interval = interval
        self._failures = 0
        self._bell = Bell()
        self._thread = threading.Thread(target=self._run, name="flags", daemon=True)

    def start(self) -> None:
        """Begin. Raises RuntimeError where no thread can be had."""
        try:
            self._thread.start()
        except RuntimeError:
            self._bell.close()
            raise

    def is_overdue(self) -> bool:
        """Whether it was to be heard of before now."""
        return time.monotonic() > self.due

    def ring(self) -> None:
        """Have it refresh at once."""
        self._bell.ring()

    def end(self, *, join: bool) -> None:
        """Have it let go of its connection and end; with `join`, wait until it did."""
        self.is_ended = True
        self._bell.ring()
        if join:
            self._thread.join()

    def forget(self) -> None:
        """In a child after a fork, where this thread is not."""
        self.is_ended = True
        self.source.abandon()
        self._bell.close()

    def _run(self) -> None:
        stumbled = False
        while not self.is_ended:
            try:
                if stumbled:
                    time.sleep(min(RETRY_SECONDS, self._interval))
                self._go_on()
            except BaseException:
                # Whatever is raised into this thread: it ends when it is told to.
                stumbled = True
                logger.exception("the refresher of the flags begins anew")
        _let_go(self.source)
        self._bell.close()

    def _go_on(self) -> None:
        while not self.is_ended:
            began = time.monotonic()
            self.due = began + LOAD_SECONDS + GRACE_SECONDS
            if self._refresh(self):
                self._failures = 0
            else:
                self._failures += 1
                _let_go(self.source)
            seconds = self.source.pause(self._interval, self._failures)
            self._wait(time.monotonic() + seconds, began)

    def _wait(self, until: float, began: float) -> None:
        """Wait until then, for a ring, or for a hint, a crowd of which is one."""
        self.due = until + GRACE_SECONDS
        every = self.source.hint_seconds
        while (left := until - time.monotonic()) > 0:
            # Before the wait, too: a hint may have come with the last load, and left nothing to
            # read behind.
            if self._is_hinted():
                self._bell.wait(began + CALM_SECONDS - time.monotonic())
                return
            if self._bell.wait(left if every is None else min(left, every), self.source.fileno()):
                return

    def _is_hinted(self) -> bool:
        try:
            return self.source.hinted()
        except Exception:  # noqa: BLE001 - the next load says what is the matter
            _let_go(self.source)
            return True


def _let_go(source: RowSource) -> None:
    """Close a connection that may be broken already: the refresher must outlive it."""
    try:
        source.close()
    except Exception as error:  # noqa: BLE001 - there is no more to be done
        logger.debug("a connection for flags could not be closed: %s", error)
