"""The runbooks as programs: every fenced block, in order, section by section."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

RUNBOOKS = settings.BASE_DIR / "docs/ops/runbooks"
PAGES = ("feature-flags", "heroku")
LANGUAGES = ("sh", "sql", "yaml", "python")
# What an operator fills in, the same everywhere.
FILLED = {
    "flag_key": "console_billing",
    "FLAG_KEY": "CONSOLE_BILLING",
    "high_risk_key": "console_bulk_refunds",
    "env": "prod",
    "app-name": "raxx-console-prod",
    "INC-1": "INC-7",
    "why": "orders fail",
    "name": "alice",
    "host": "console.example.org",
    "release": "v41",
}
_HEADING = re.compile(r"##+ (?:(\d[\d.]*) )?(.+)")
_PLACEHOLDER = re.compile(r"<([A-Za-z][\w-]*)>")


class BadDocument(Exception):
    """A block that cannot be run as it stands."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a page, as written. `section` is its heading's number, or text."""

    page: str
    section: str
    language: str
    text: str

    @property
    def filled(self) -> str:
        """As it is typed. Raises BadDocument for a placeholder that nobody knows."""

        def value(found: re.Match[str]) -> str:
            if found[1] not in FILLED:
                raise BadDocument(f"{self.section}: nobody knows what {found[0]} stands for")
            return FILLED[found[1]]

        return _PLACEHOLDER.sub(value, self.text)


def read(page: str) -> str:
    return (RUNBOOKS / f"{page}.md").read_text()


def commands(page: str, text: str) -> list[Command]:
    """All commands of a page's text. Raises BadDocument."""
    return [
        Command(page, section, language, command)
        for section, language, block in _blocks(text)
        for command in _SPLIT[language](block)
    ]


def prose(text: str) -> dict[str, str]:
    """What a page says between its blocks, by section."""
    found: dict[str, str] = {}
    for section, language, part in _parts(text):
        if language is None:
            found[section] = found.get(section, "") + part
    return found


def _blocks(text: str) -> Iterator[tuple[str, str, str]]:
    for section, language, part in _parts(text):
        if language is not None:
            yield section, language, part


def _parts(text: str) -> Iterator[tuple[str, str | None, str]]:
    """Section, language and text of each block and of what stands between two; that has None."""
    section, language, part = "", None, ""
    for line in text.splitlines():
        heading = _HEADING.fullmatch(line) if language is None else None
        if line.lstrip().startswith("```"):
            yield section, language, part
            language, part = (line.strip().removeprefix("```") if language is None else None), ""
            if language is not None and language not in LANGUAGES:
                raise BadDocument(f"{section}: a block in {language or 'no language'}")
        elif heading:
            yield section, None, part
            section, part = heading[1] or heading[2], ""
        else:
            part += f"{line}\n"
    if language is not None:
        raise BadDocument(f"{section}: a block that does not end")
    yield section, None, part


def _lines(block: str) -> list[str]:
    lines = block.replace("\\\n", "").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _statements(block: str) -> list[str]:
    return [f"{statement.strip()};" for statement in block.split(";") if statement.strip()]


_SPLIT = {
    "sh": _lines,
    "sql": _statements,
    "yaml": lambda block: [block],
    "python": lambda block: [block],
}
