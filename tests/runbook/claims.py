"""What the runbooks say beside their commands, of what those print and end with.

A claim takes the number, or the words, from the page, so that the page is what is tried: a page
that says something else fails.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.runbook import document
from tests.runbook.document import Command

# Whatever stands so between the blocks must be a claim: what psql answers, an exit status, an HTTP
# status, and words that are quoted.
OUTCOME = re.compile(r'`[A-Z]+ \d+`|exits? with \d+|\b[45]\d\d\b|"[^"\n]+"')


@dataclass(frozen=True, slots=True)
class Claim:
    """`words` stand once in the section; their group is what is claimed. `holds` is given that, and
    what the command beside them did, and raises AssertionError where it is not so."""

    page: str
    section: str
    words: re.Pattern[str]
    holds: Callable[..., None]

    def place(self, text: str) -> tuple[int, int]:
        """Where in the section's prose the group stands. Raises AssertionError."""
        found = list(self.words.finditer(document.prose(text)[self.section]))
        assert len(found) == 1, f"{self.section}: {self.words.pattern} stands {len(found)} times"
        return found[0].span(1)

    def said(self, text: str) -> str:
        start, end = self.place(text)
        return document.prose(text)[self.section][start:end]

    def try_on(self, text: str, *happened: Any) -> None:
        """That the page's text is so. Raises AssertionError."""
        self.holds(self.said(text), *happened)

    def broken(self, text: str) -> str:
        """The page with another number, or other words, in that place alone."""
        whole, said = document.prose(text)[self.section], self.said(text)
        start, end = self.place(text)
        line = slice(whole.rfind("\n", 0, start) + 1, whole.find("\n", end))
        at = start - line.start
        other = str(int(said) + 1) if said.isdigit() else f"{said}x"
        before = whole[line]
        after = before[:at] + other + before[at + len(said) :]
        assert text.count(before) == 1
        return text.replace(before, after)


BESIDE: dict[tuple[str, str, str], list[Claim]] = {}
ALONE: list[Claim] = []


def says(
    page: str, section: str, words: str, *, beside: str = "", at: str = ""
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a claim: one of the command `beside` it, which stands in section `at` (its own),
    tried each time that one is run; else one of the code alone."""

    def register(holds: Callable[..., None]) -> Callable[..., None]:
        claim = Claim(page, section, re.compile(words), holds)
        if beside:
            BESIDE.setdefault((page, at or section, beside), []).append(claim)
        else:
            ALONE.append(claim)
        return holds

    return register


def every() -> list[Claim]:
    return [*ALONE, *(claim for claims in BESIDE.values() for claim in claims)]


def of(command: Command) -> list[Claim]:
    return BESIDE.get((command.page, command.section, command.text), [])


def prove(claim: Claim, *happened: Any) -> None:
    """That the page is right, and that it would fail if it were not. Raises AssertionError."""
    text = document.read(claim.page)
    claim.try_on(text, *happened)
    other = claim.broken(text)
    said = claim.said(other)
    try:
        claim.try_on(other, *happened)
    except AssertionError:
        return
    raise AssertionError(f"{claim.section}: it may as well say {said}")


def unclaimed(page: str, text: str) -> list[str]:
    """The outcomes that a page names, and no claim takes from it."""
    taken = [(claim.section, *claim.place(text)) for claim in every() if claim.page == page]
    return [
        f"{section}: {found[0]}"
        for section, prose in document.prose(text).items()
        for found in OUTCOME.finditer(prose)
        if not any(
            where == section and start < found.end() and found.start() < end
            for where, start, end in taken
        )
    ]
