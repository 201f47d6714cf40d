"""The process of one library: sets it up, then measures what each line of its input asks for.

    python program.py LIBRARY FLAGS DIRECTORY

A line in is a word; a line out is JSON. In each answer the library and the bare function of the
same process took turns.
"""

import importlib
import json
import random
import sys
import time
from contextlib import nullcontext
from importlib.metadata import version

from loops import THREADS, Loops, bare

SLICE = 0.002
"""Seconds of one turn: shorter than what a system gives a process before the next one."""
TURNS = 15
SINGLES = 20_000
SINGLES_SECONDS = 1.5
LEAST = 1
LIST = 1_000


class Program:
    """Both questions, the keys, and how many calls fill a turn."""

    def __init__(self, library: str, flags: int, directory: str) -> None:
        # As an application's literals are: interned.
        self._values = {sys.intern(f"flag_{number}"): number % 3 == 0 for number in range(flags)}
        self._module = importlib.import_module(f"libraries.{library}")
        self._question = self._module.set_up(dict(self._values), directory)
        beside = getattr(self._module, "BESIDE", "f(k)")
        self._loops = {
            "library": Loops(self._question),
            "bare": Loops(bare(self._values, beside)),
        }
        self._order = list(self._values)
        random.Random(7).shuffle(self._order)
        self._asked = 0
        self._times: list[float] = []
        self._check()
        self._calls = {name: self._calls_of_a_turn(loops) for name, loops in self._loops.items()}

    def _check(self) -> None:
        """Nothing is measured that does not answer right. Warms up, too."""
        for loops in self._loops.values():
            began = time.perf_counter()
            for key in self._order:
                if loops.answers([key]) != [self._values[key]]:
                    raise RuntimeError(f"{key} is not {self._values[key]}")
                if time.perf_counter() - began > SINGLES_SECONDS:
                    break

    def _calls_of_a_turn(self, loops: Loops) -> int:
        """The best of some: one that was interrupted would make turns too short to be warm."""
        calls = LEAST
        while True:
            seconds = min(loops.seconds(*self._walk(calls, self._order)) for _ in range(TURNS))
            if seconds > SLICE / 4:
                return max(LEAST, round(calls * SLICE / seconds))
            calls *= 2

    def _walk(self, calls: int, order: list[str]) -> tuple[int, list[str]]:
        """About so many calls, as a number of walks over the next keys of the order."""
        length = min(calls, LIST)
        keys = [order[(self._asked + number) % len(order)] for number in range(length)]
        self._asked += length
        return round(calls / length), keys

    def hello(self) -> dict:
        package = getattr(self._module, "PACKAGE", None)
        return {
            "title": self._module.TITLE,
            "package": f" ({package} {version(package)})" if package else "",
            "setup": self._module.SETUP,
        }

    def one(self) -> dict:
        return self._turns(self._order[:1])

    def all(self) -> dict:
        return self._turns(self._order)

    def _turns(self, order: list[str]) -> dict:
        """The nanoseconds of a call in the best turn: others on the machine only ever add to it."""
        times: dict[str, list[float]] = {name: [] for name in self._loops}
        for _ in range(TURNS):
            for name, loops in self._loops.items():
                passes, keys = self._walk(self._calls[name], order)
                times[name].append(loops.seconds(passes, keys) / passes / len(keys) * 1e9)
        return {name: min(each) for name, each in times.items()}

    def threads(self) -> dict:
        """Calls in a second of all threads together, in the best turn."""
        rates: dict[str, list[float]] = {name: [] for name in self._loops}
        for _ in range(TURNS // 5):
            for name, loops in self._loops.items():
                passes, keys = self._walk(self._calls[name] * THREADS, self._order)
                seconds = loops.seconds_in_threads(passes, keys)
                rates[name].append(passes * len(keys) * THREADS / seconds)
        return {name: max(each) for name, each in rates.items()}

    def singles(self) -> dict:
        """How many single calls were timed so far, and what 999 of 1,000 do not exceed (ns)."""
        loops, chunk = self._loops["library"], min(self._calls["library"], LIST)
        deadline = time.perf_counter() + SINGLES_SECONDS
        enough = len(self._times) + SINGLES
        while len(self._times) < enough and time.perf_counter() < deadline:
            self._times += loops.singles(self._walk(chunk, self._order)[1])
        times = sorted(self._times)
        return {"calls": len(times), "p999": times[int(len(times) * 0.999)] * 1e9}

    def queries(self) -> dict:
        """Questions to a database or a network in one call, once all is warm."""
        calls = min(self._calls["library"], LIST)
        count = [0]

        def hook(event: str, arguments: tuple) -> None:
            if event in ("socket.connect", "sqlite3.connect", "http.client.send"):
                count[0] += 1

        sys.addaudithook(hook)
        with getattr(self._module, "counting", nullcontext)(count):
            self._loops["library"].answers(self._walk(calls, self._order)[1])
        getattr(self._module, "check_at_the_end", lambda: None)()
        return {"each": count[0] / calls}


def main() -> None:
    library, flags, directory = sys.argv[1:]
    program = Program(library, int(flags), directory)
    print(json.dumps(program.hello()), flush=True)
    for line in sys.stdin:
        print(json.dumps(getattr(program, line.strip())()), flush=True)


if __name__ == "__main__":
    main()
