"""Processes that flip or promote at once. `python -c` runs `main`; the test reads its JSON.

One process sets Django up and forks the racers, so that all of them start at once.
"""

import functools
import json
import logging
import multiprocessing
import random
import signal
import sys
from collections.abc import Iterator
from typing import Any

PROCESSES = 8
LATE = 60

_fork = multiprocessing.get_context("fork")
_barrier = _fork.Barrier(PROCESSES)
_pair = _fork.Barrier(2)


def main() -> None:
    """Run the race that the arguments name, and print every racer's log: a list of tries."""
    import django

    django.setup()
    race, keys, rounds = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3])
    seconds = int(sys.argv[4]) if sys.argv[4:] else 2 * LATE
    racers = PROCESSES if race in _RACES else _pair.parties
    # None of these processes outlives a race that went wrong. A fork does not inherit an alarm.
    signal.alarm(seconds)
    with _fork.Pool(racers, signal.alarm, [seconds]) as pool:
        logs = pool.starmap(_run, [(race, number, keys, rounds) for number in range(racers)], 1)
    json.dump(logs, sys.stdout)


def _run(name: str, number: int, keys: list[str], rounds: int) -> list:
    import flags

    race = _RACES.get(name) or functools.partial(_promotions, name.split(";"))
    warnings = _Warnings(logging.WARNING)
    logging.getLogger().addHandler(warnings)
    random.seed(number)
    # With a store at work each flip has its table loaded anew, as in a process that serves.
    flags.is_on(keys[0])
    (_barrier if name in _RACES else _pair).wait(LATE)
    tries = [one for tries in race(number, keys, rounds) for one in tries]
    return tries + [{"outcome": "warning", "text": text} for text in warnings.texts]


class _Warnings(logging.Handler):
    """What the code had to complain of: a race should leave nothing in the log."""

    texts: list[str]

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.texts = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def _toggle(number: int, keys: list[str], rounds: int) -> Iterator[list[dict[str, Any]]]:
    """Each in its own time: any of the flags, to the other value than it has."""
    from flags.state import read_state

    for _ in range(rounds):
        state = read_state(random.choice(keys), "staging")
        yield _flip(state, not state.value)


def _first(number: int, keys: list[str], rounds: int) -> Iterator[list[dict[str, Any]]]:
    """All at once: each flag's first row; even racers want it on, odd ones off."""
    from flags.state import read_state

    for key in keys:
        state = read_state(key, "staging")
        _barrier.wait(LATE)
        yield _flip(state, number % 2 == 0, again=False)


def _mixed(number: int, keys: list[str], rounds: int) -> Iterator[list[dict[str, Any]]]:
    """Each in its own time, by `flip()` and by raw SQL, until it has made `rounds` changes."""
    from tests.soak.writer import Writer

    writer = Writer(seed=number)
    while rounds:
        try:
            entry = writer.change()
        except Exception as error:  # noqa: BLE001 - the test asserts that there is none
            entry = {"outcome": "error", "text": repr(error)}
            writer.reconnect()
        rounds -= entry["outcome"] in ("changed", "error")
        yield [entry]


def _promotions(
    kinds: list[str], number: int, keys: list[str], rounds: int
) -> Iterator[list[dict[str, Any]]]:
    """Two at once, on the same promotion: so many rounds of each of these kinds."""
    from tests.processes import promoting

    for kind in kinds:
        for turn in range(rounds):
            key = keys[turn // 2 % len(keys)]
            yield [promoting.race(kind, turn, number, key, lambda: _pair.wait(LATE))]


_RACES = {"toggle": _toggle, "first": _first, "mixed": _mixed}


def _flip(state: Any, value: bool, *, again: bool = True) -> list[dict[str, Any]]:
    """Flip until it is done, from what was seen last. One entry for each try."""
    from flags.refusals import StateMoved
    from flags.services import flip
    from tests.processes.flipping import ACTOR

    tries = []
    while True:
        entry = {"key": state.key, "to": value}
        tries.append(entry)
        try:
            done = flip(state.key, "staging", value, actor=ACTOR, seen=state.seen)
        except StateMoved as moved:
            entry["outcome"], state = "moved", moved.state
            if again:
                continue
        except Exception as error:  # noqa: BLE001 - the test asserts that there is none
            entry |= {"outcome": "error", "text": repr(error)}
        else:
            entry["outcome"] = done.outcome
        return tries
