"""What OFREP answers of the flags, from this process's own store: written once for each change."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.http import parse_etags

from flags import runtime
from flags.declarations import Declarations
from flags.layers import Resolution, word


class FlagsUnknown(Exception):
    """The rows were not read since the process began: a client knows no less by itself. The text
    says so in a sentence for whoever asks."""


@dataclass(frozen=True, slots=True)
class Written:
    """All answers for `values`, which is the store's own mapping: as bytes, and their ETag."""

    values: Mapping[str, Resolution]
    one: Mapping[str, bytes]
    bulk: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Answers:
    """`age` is how many seconds ago the rows were read; None: there is no DB layer."""

    written: Written
    age: float | None


_written: Written | None = None


def answers() -> Answers:
    """The answers as of now. In a fresh process it waits for the first load, at most 2 seconds;
    after that never. Raises FlagsUnknown, and DeclarationsError for a bad flags file."""
    store, last = runtime.store(), _written
    known = store.snapshot()
    if last is None or last.values is not known.values:
        declared = runtime.declared()
        # A store makes its table on the first question for a flag, and keeps it from then on.
        for key in declared:
            store.explain(key)
            break
        else:
            store.begin()
        known = store.snapshot()
        last = _as_written(known.values, declared)
    if known.db_layer and known.age is None:
        raise FlagsUnknown("The flags were not read from the database since this process began.")
    return Answers(last, known.age if known.db_layer else None)


def is_known_as(if_none_match: str, etag: str) -> bool:
    """Whether an If-None-Match header has this ETag: in a list, weak, or any by ``*``."""
    if if_none_match == etag:
        return True
    return any(tag in ("*", etag, f"W/{etag}") for tag in parse_etags(if_none_match))


def _as_written(values: Mapping[str, Resolution], declared: Declarations) -> Written:
    """Two threads may both write a change: the same text, so either may be kept."""
    global _written
    last = _written
    if last is None or last.values is not values:
        last = _written = _write(values, declared)
    return last


def _write(values: Mapping[str, Resolution], declared: Declarations) -> Written:
    one = {
        key: json.dumps(_answer(key, values[key], declared), separators=(",", ":")).encode()
        for key in sorted(values)
    }
    bulk = b'{"flags":[' + b",".join(one.values()) + b"]}"
    # The same in every process: a client may ask another one next time.
    return Written(values, one, bulk, f'"{hashlib.sha256(bulk).hexdigest()[:32]}"')


def _answer(key: str, at: Resolution, declared: Declarations) -> dict[str, Any]:
    return {
        "key": key,
        "value": at.value,
        "reason": "STATIC",
        "variant": word(at.value),
        "metadata": {"source": at.source.value, "risk": declared[key].risk.value},
    }
