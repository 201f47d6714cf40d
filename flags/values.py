"""The table that `flags.is_on()` reads: a dictionary whose bound `__getitem__` is the function.

No Python code runs for a key that it holds: no clock, no lock, no I/O (docs/performance.md). What
it does not hold is asked of the function that it was made with. Plain Python.
"""

import sys
import threading
from collections.abc import Callable, Iterable, Mapping


class Values(dict[str, bool]):
    """Values of flags by key. `miss(key)` answers for a key that is not held here."""

    __slots__ = ("_absent", "_lock", "_miss")

    def __init__(self, miss: Callable[[str], bool]) -> None:
        super().__init__()
        self._miss = miss
        self._absent: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def __missing__(self, key: str) -> bool:
        return self._miss(key)

    def fill(self, values: Mapping[str, bool]) -> None:
        """Hold these from now on. Each key changes by itself, so a reader that is in the middle of
        it sees an old or a new value and never none."""
        with self._lock:
            for key, value in values.items():
                if self.get(key) is not value and key not in self._absent:
                    # As literals in an application's code are: found without a comparison.
                    self[sys.intern(key)] = value

    def keep_out(self, keys: Iterable[str]) -> None:
        """Hold all keys but these: each read of them is a miss."""
        with self._lock:
            self._absent = frozenset(keys)
            for key in self._absent:
                self.pop(key, None)

    def begin_anew(self) -> None:
        """Hold nothing, in a child after a fork: its lock may be held by nobody."""
        self._lock = threading.Lock()
        self.clear()
