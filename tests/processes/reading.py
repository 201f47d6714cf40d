"""Continuous `flags.is_on()` from several threads, in the process of an `Application`.

Each call is timed by itself. What is kept of all the calls is how many took how long, and every
change of the value. The short form takes a breath after so many calls: it reads ten thousands of
times a second all the same, and leaves the machine to the other tests.
"""

import threading
import time
from collections import Counter
from typing import Any

import flags
from tests.sizes import size

THREADS = 4
AT_ONCE = 250
BREATH_SECONDS = size(0.005, 0.0)
_GRAIN_NS = 100
_at_work: list["_Reader"] = []


class _Reader(threading.Thread):
    def __init__(self, key: str) -> None:
        super().__init__(daemon=True)
        self._key = key
        self._ends = threading.Event()
        self.took: Counter[int] = Counter()
        self.turns: list[Any] = []
        self.errors: list[str] = []

    def run(self) -> None:
        last: Any = None
        clock, took, over = time.perf_counter_ns, self.took, self._ends.is_set
        calls = 0
        while not over():
            began = clock()
            try:
                value = flags.is_on(self._key)
            except Exception as error:  # noqa: BLE001 - the test is told of whatever it was
                self.errors.append(repr(error))
                continue
            took[(clock() - began) // _GRAIN_NS] += 1
            if value is not last:
                last = value
                self.turns.append(value)
            calls += 1
            if BREATH_SECONDS and calls % AT_ONCE == 0:
                time.sleep(BREATH_SECONDS)

    def end(self) -> None:
        self._ends.set()
        self.join()


def begin(key: str) -> bool:
    """Start reading; the value that the first call gives."""
    first = flags.is_on(key)
    _at_work[:] = [_Reader(key) for _ in range(THREADS)]
    for reader in _at_work:
        reader.start()
    return first


def end() -> dict[str, Any]:
    """Stop, and tell: calls, p50, p99 and max in microseconds, the values that each thread saw in
    their order, and what was raised."""
    # Each thread has its turn before the end.
    time.sleep(0.5)
    for reader in _at_work:
        reader.end()
    took: Counter[int] = sum((reader.took for reader in _at_work), Counter())
    return {
        "calls": took.total(),
        "p50": _quantile(took, 0.5),
        "p99": _quantile(took, 0.99),
        "max": max(took) * _GRAIN_NS / 1000,
        "turns": [reader.turns for reader in _at_work],
        "errors": [error for reader in _at_work for error in reader.errors],
    }


def _quantile(took: Counter[int], share: float) -> float:
    left = share * took.total()
    for bucket in sorted(took):
        left -= took[bucket]
        if left <= 0:
            break
    return (bucket + 1) * _GRAIN_NS / 1000
