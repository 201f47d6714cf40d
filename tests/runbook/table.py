"""What each command of the runbooks must do: a table, by the command's own text.

A command that is not in it, and an entry whose command is gone, fail the test.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from tests.runbook import claims
from tests.runbook.console import Console, Happened
from tests.runbook.document import Command

Check = Callable[[Console, Happened], None]
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Expected:
    """The exit status, and a function that raises AssertionError where something else is amiss.
    `answers` gives what is typed when it asks."""

    check: Check
    status: int = 0
    answers: Callable[[], str] | None = None


EXPECTED: dict[tuple[str, str, str], Expected] = {}
PREPARED: dict[Place, Callable[[Console], None]] = {}


def prepared(page: str, section: str) -> Callable[[Callable[[Console], None]], None]:
    """Register what a section begins with, besides two consoles that were released."""

    def register(function: Callable[[Console], None]) -> None:
        PREPARED[page, section] = function

    return register


def does(
    page: str, section: str, text: str, *, status: int = 0, answers: Callable[[], str] | None = None
) -> Callable[[Check], Check]:
    """Register what a command does."""

    def register(check: Check) -> Check:
        if (page, section, text) in EXPECTED:
            raise ValueError(f"{section}: {text} has two entries")
        EXPECTED[page, section, text] = Expected(check, status, answers)
        return check

    return register


def only(it: Happened, *, rows=(), acts=(), calls=()) -> None:
    """That this changed, in this order, and nothing else: flags' rows, audit rows, calls."""
    assert it.rows == dict(rows)
    assert it.acts == list(acts)
    assert it.calls == [list(call) for call in calls]


def steps(found: list[Command]) -> dict[Place, list[tuple[Command, Expected]]]:
    """Each section's commands with what they must do. Raises AssertionError where the page and the
    table differ."""
    keys = [(each.page, each.section, each.text) for each in found]
    pages = {each.page for each in found}
    assert len(keys) == len(set(keys)), "a command stands twice in a section"
    assert set(keys) == {key for key in EXPECTED if key[0] in pages}
    plan: dict[Place, list[tuple[Command, Expected]]] = {}
    for command, key in zip(found, keys, strict=True):
        plan.setdefault((command.page, command.section), []).append((command, EXPECTED[key]))
    return plan


class Failed(AssertionError):
    """A command that could not be run, or did something else; `at` is its place in the section."""

    def __init__(self, at: int, command: Command, why: str) -> None:
        super().__init__(f"{command.page} {command.section}: {command.text}\n{why}")
        self.at = at


def run(place: Place, plan: list[tuple[Command, Expected]], directory: Path) -> None:
    """Run a section from its beginning. Raises Failed."""
    with ExitStack() as stack:
        console = Console(directory, stack)
        PREPARED.get(place, lambda console: None)(console)
        for at, (command, expected) in enumerate(plan):
            console.answers = expected.answers() if expected.answers else ""
            try:
                it = console.run(command)
                assert it.status == expected.status, f"{it.out}\n{it.err}"
                expected.check(console, it)
                for claim in claims.of(command):
                    claims.prove(claim, console, it)
            except Exception as error:  # whatever a broken command leads to
                raise Failed(at, command, f"{type(error).__name__}: {error}") from error


def with_one_broken(
    plan: list[tuple[Command, Expected]], command: Command, text: str
) -> list[tuple[Command, Expected]]:
    """The section with one command's text changed, and still all that it must do."""
    return [
        (replace(each, text=text) if each == command else each, expected) for each, expected in plan
    ]
