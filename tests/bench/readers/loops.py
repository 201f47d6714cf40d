"""Loops that ask for flags, timed. Plain Python: no library is imported here.

Every question stands in the same loop, written as its library's users write it, with all names in
it local. Each loop is compiled anew: an interpreter that adapts code to what it calls adapts each
to its own question, as it does in an application.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

THREADS = 4

_SOURCE = """
def loop(passes, keys, {names}):
    began = clock()
    for _ in range(passes):
        for k in keys:
            {question}
    return clock() - began

def singles(keys, times, {names}):
    for k in keys:
        began = clock()
        {question}
        times.append(clock() - began)

def answers(keys, {names}):
    return [{question} for k in keys]
"""
_BARE = "def f(k): return D[k]"


@dataclass(frozen=True)
class Question:
    """How flag `k` is asked for: an expression, and the values of the other names in it."""

    text: str
    names: dict[str, Any]

    def compile(self, clock: Callable[[], float]) -> dict[str, Callable[..., Any]]:
        """`loop`, `singles` and `answers`, asking this question."""
        space: dict[str, Any] = {"clock": clock}
        exec(_SOURCE.format(names=", ".join(self.names), question=self.text), space)
        return space


def bare(values: dict[str, bool], text: str = "f(k)") -> Question:
    """The measure of all others: a function that looks the flag up in a dictionary. With the text
    "bare.f(k)" it is called as an attribute of its module."""
    module = type(threading)("bare")
    exec(_BARE, vars(module))
    module.D = values
    return Question(text, {"bare": module} if text.startswith("bare.") else {"f": module.f})


class Loops:
    """The loops of one question, from one thread and from four that live as long as this does."""

    def __init__(
        self, question: Question, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._names = question.names
        self._compiled = question.compile(clock)
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS)
        self._start = threading.Barrier(THREADS)

    def answers(self, keys: Sequence[str]) -> list[bool]:
        return self._compiled["answers"](keys, **self._names)

    def seconds(self, passes: int, keys: Sequence[str]) -> float:
        """Of so many walks over the keys, one after another."""
        return self._compiled["loop"](passes, keys, **self._names)

    def singles(self, keys: Sequence[str]) -> list[float]:
        """The seconds of each call, with one reading of the clock in them."""
        times: list[float] = []
        self._compiled["singles"](keys, times, **self._names)
        return times

    def seconds_in_threads(self, passes: int, keys: Sequence[str]) -> float:
        """From the first thread's start to the last one's end, each walking over the keys."""

        def walk() -> tuple[float, float]:
            self._start.wait()
            began = self._clock()
            self.seconds(passes, keys)
            return began, self._clock()

        walks = self._in_threads(walk)
        return max(ended for _, ended in walks) - min(began for began, _ in walks)

    def seconds_of_threads(self, passes: int, keys: Sequence[str]) -> float:
        """The sum of what each thread took for its own walk, all of them walking at once. By a
        clock of the thread's own time, how they are woken and wait has no part in it."""

        def walk() -> float:
            self._start.wait()
            return self.seconds(passes, keys)

        return sum(self._in_threads(walk))

    def _in_threads(self, walk: Callable[[], Any]) -> list[Any]:
        return [each.result() for each in [self._threads.submit(walk) for _ in range(THREADS)]]
