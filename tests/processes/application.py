"""A process of application code, with Django set up, whose functions a test calls one by one.

A test writes what the process does as a function of its own module; the process imports it.
"""

import importlib
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, TextIO

import flags
from tests.processes.server import program

# Half as long again as the longest that is promised of any change.
PATIENCE = 45.0
_SOURCE = "from tests.processes import application; application.main()"


class Application:
    """The test's end of the line to a process that runs `serve`."""

    def __init__(self, questions: TextIO, answers: TextIO) -> None:
        self._questions, self._answers = questions, answers

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What `function(*arguments)` returns over there. Raises RuntimeError where it raises."""
        return self.timed(function, *arguments)[0]

    def timed(self, function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
        """The same, and how many seconds it took over there."""
        module, name = function.__module__, function.__name__
        if function is flags.is_on:
            # The method of a dictionary does not know where it came from.
            module, name = "flags", "is_on"
        question = {"module": module, "name": name, "with": arguments}
        print(json.dumps(question), file=self._questions, flush=True)
        line = self._answers.readline()
        if not line:
            raise RuntimeError("the process ended without an answer")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"], answer["seconds"]

    def hang_up(self) -> None:
        """Let the process come to its own end."""
        self._questions.close()
        self._answers.close()

    def turns(self, key: str, value: bool, reading: Callable[[str], bool] = flags.is_on) -> float:
        """How many seconds it takes until flag `key` reads as `value`, asked in a loop. Raises
        RuntimeError where it does not within PATIENCE: that is no lateness (see `timed`)."""
        began = time.monotonic()
        while self.call(reading, key) is not value:
            if time.monotonic() - began > PATIENCE:
                raise RuntimeError(f"{key} was not {value} within {PATIENCE} s")
            time.sleep(0.01)
        return time.monotonic() - began


@contextmanager
def application(log: IO[str] | None = None, **extra: str) -> Iterator[Application]:
    """An application process, ready to answer; `extra` is added to its environment."""
    with program(_SOURCE, log=log, **extra) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process has no pipes")
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the process did not start")
        yield Application(process.stdin, process.stdout)


def main() -> None:
    """The process's own side."""
    import django

    django.setup()
    print("ready", flush=True)
    serve(sys.stdin, sys.stdout)


def serve(questions: TextIO, answers: TextIO) -> None:
    """Answer until the other side hangs up."""
    for line in questions:
        print(json.dumps(_answer(json.loads(line))), file=answers, flush=True)


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    function = getattr(importlib.import_module(question["module"]), question["name"])
    began = time.monotonic()
    try:
        value = function(*question["with"])
    except Exception:  # noqa: BLE001 - the test is told of whatever it was
        return {"error": traceback.format_exc()}
    return {"value": value, "seconds": time.monotonic() - began}
