"""What the console's bulk answer says of the flags that a service declares. Plain Python."""

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

_MOST_TEXT = 100


class NotUnderstood(Exception):
    """The body is no bulk answer of OFREP: nothing of it is used."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the console said of one flag: its value there, from which of its layers, its risk."""

    value: bool
    source: str | None = None
    risk: str | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """`told` by key, for flags that are declared here; `unusable`: for each key of which the
    console said something else than a value, what."""

    told: Mapping[str, Told] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)


def parse(body: bytes, declared: Container[str]) -> Answers:
    """Raises NotUnderstood for what is no list of flags, or names one twice. An entry that is no
    boolean, or an error, spoils itself alone; one of a flag that is not declared is left out."""
    told: dict[str, Told] = {}
    unusable: dict[str, str] = {}
    seen: set[str] = set()
    for entry in _entries(body):
        if not isinstance(entry, dict) or not isinstance(key := entry.get("key"), str):
            raise NotUnderstood("the answer has an entry without a key")
        if key in seen:
            raise NotUnderstood("the answer has a flag twice")
        seen.add(key)
        if key not in declared:
            continue
        if "errorCode" in entry:
            unusable[key] = "an error in place of its value"
        elif not isinstance(value := entry.get("value"), bool):
            unusable[key] = "a value that is not true or false"
        else:
            told[key] = _told(value, entry.get("metadata"))
    return Answers(told, unusable)


def _entries(body: bytes) -> list[Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        # Not chained: the text of it quotes what came.
        raise NotUnderstood("the answer is no JSON") from None
    entries = said.get("flags") if isinstance(said, dict) else None
    if not isinstance(entries, list):
        raise NotUnderstood("the answer is no list of flags")
    return entries


def _told(value: bool, metadata: object) -> Told:
    known = metadata if isinstance(metadata, dict) else {}
    return Told(value, _text(known.get("source")), _text(known.get("risk")))


def _text(said: object) -> str | None:
    return said if isinstance(said, str) and len(said) <= _MOST_TEXT else None
