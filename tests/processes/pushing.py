"""How long a change takes until other processes see it.

Each reader is an `Application` process. It looks at one flag every millisecond, and notes the
machine's monotonic clock, which all processes share, at each turn of the value.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import flags
from tests.processes.application import Application, application

LOOK_SECONDS = 0.001
_turns: list[tuple[bool, float]] = []
_over = threading.Event()


def begin_looking(key: str) -> bool:
    """Note each turn of the flag from now on. In the reader's process."""

    def look() -> None:
        last = first
        while not _over.wait(LOOK_SECONDS):
            if (value := flags.is_on(key)) is not last:
                _turns.append((value, time.monotonic()))
                last = value

    first = flags.is_on(key)
    threading.Thread(target=look, daemon=True).start()
    return first


def turns() -> list[tuple[bool, float]]:
    """The value and the moment of each turn so far."""
    return _turns


@contextmanager
def readers(key: str, count: int, **extra: str) -> Iterator[list[Application]]:
    """So many processes that look at `key`, which is off."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(application(**extra)) for _ in range(count)]
        firsts = [reader.call(begin_looking, key) for reader in found]
        if any(firsts):
            raise RuntimeError(f"{key} is on already")
        yield found


def latencies(
    readers: list[Application],
    change: Callable[[bool], object],
    count: int,
    *,
    pause: Callable[[], float],
    patience: float,
) -> list[float]:
    """Change the flag `count` times, on and off in turn, `pause()` seconds after everybody saw the
    change before it or `patience` was over. How many seconds each process took to see each, from
    before the change was begun. Raises AssertionError where one did not see it at all."""
    began = []
    for n in range(count):
        time.sleep(pause())
        began.append(time.monotonic())
        change(n % 2 == 0)
        while not all(len(reader.call(turns)) > n for reader in readers):
            assert time.monotonic() - began[-1] < patience, f"change {n} was not seen"
            time.sleep(0.005)
    found = []
    for reader in readers:
        seen = reader.call(turns)
        assert [value for value, _ in seen] == [n % 2 == 0 for n in range(count)]
        found += [moment - at for (_, moment), at in zip(seen, began, strict=True)]
    return found
