"""What befalls a process that reads flags, done to it from inside (see `application`)."""

import ctypes
import random
import threading
import time
from typing import Any

import flags
from flags import refresher, runtime

_busy: list[threading.Thread] = []
_over = threading.Event()


def impatience(seconds: float) -> None:
    """Let the deadline of a load, and that of whoever is late, be so near."""
    refresher.LOAD_SECONDS = refresher.GRACE_SECONDS = seconds


def refreshers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "flags"]


def kill_the_refresher() -> int:
    """Raise SystemExit in it, as often as it has lives to lose. How many there were."""
    found = refreshers()
    for thread in found:
        raised = ctypes.py_object(SystemExit)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), raised)
    return len(found)


def hang_the_refresher() -> None:
    """Let its next load never end."""
    source: Any = runtime.store().source
    source.hinted = lambda: False
    source.load = lambda: threading.Event().wait(3600)


def step_the_clock() -> None:
    """Let the wall clock jump by years at each look, in both directions."""
    now = time.time
    time.time = lambda: now() + random.choice((-1, 1)) * 10 * 365 * 86400  # type: ignore[assignment]


def busy_threads(count: int) -> None:
    """Have so many threads compute and read flags without a pause."""

    def work() -> None:
        while not _over.is_set():
            flags.is_on("console_billing")
            sum(range(500))

    _busy.extend(threading.Thread(target=work, daemon=True) for _ in range(count))
    for thread in _busy:
        thread.start()


def end_busy_threads() -> int:
    """How many were at work to the end."""
    alive = sum(thread.is_alive() for thread in _busy)
    _over.set()
    for thread in _busy:
        thread.join()
    return alive


def worst_calls(key: str, calls: int, rounds: int) -> list[float]:
    """The longest single `is_on()` of each round, in seconds."""
    clock, is_on = time.perf_counter, flags.is_on

    def worst() -> float:
        longest = 0.0
        for _ in range(calls):
            began = clock()
            is_on(key)
            if (took := clock() - began) > longest:
                longest = took
        return longest

    return [worst() for _ in range(rounds)]


def turns(key: str, value: bool, seconds: float, *, as_requests: bool = False) -> float | None:
    """How many seconds it took until `key` read as `value`; None: it did not in this time. With
    `as_requests`, each read is what a request of Django does first."""
    began = time.monotonic()
    while (took := time.monotonic() - began) < seconds:
        if as_requests:
            flags.ensure_fresh()
        if flags.is_on(key) is value:
            return took
        time.sleep(0.01)
    return None


def requests_turn(key: str, value: bool, seconds: float) -> float | None:
    return turns(key, value, seconds, as_requests=True)
