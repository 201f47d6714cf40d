"""An audit row as the one sequence of bytes that is signed, whatever database or file it is in."""

import hmac
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

FIELDS = (
    *("id", "created_at", "admin_id", "actor", "channel", "action"),
    *("target_type", "target_id", "payload", "context", "change_id"),
)
"""The columns of `console_audit_log`, in the order in which they are signed."""

_ID, _CREATED_AT, _PAYLOAD, _CONTEXT, _CHANGE_ID = (
    FIELDS.index(name) for name in ("id", "created_at", "payload", "context", "change_id")
)


class Unreadable(ValueError):
    """A stored row has a value that the console never writes: it was edited."""


def canonical(row: Sequence[Any]) -> bytes:
    """The signed form of one row: its `FIELDS` as a raw cursor of either database gives them.

    JSON with sorted keys and no blanks; times in UTC with microseconds; a UUID as 32 hexadecimal
    digits. Raises Unreadable.
    """
    values = list(row)
    try:
        values[_CREATED_AT] = moment_text(values[_CREATED_AT])
        values[_PAYLOAD] = _parsed(values[_PAYLOAD])
        values[_CONTEXT] = _parsed(values[_CONTEXT])
        values[_CHANGE_ID] = _version(values[_CHANGE_ID])
        return _encode(values).encode("ascii")
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise Unreadable(f"audit row {values[_ID]}: {error}") from error


def row_hash(key: bytes, prev_hash: str, signed: bytes) -> str:
    """HMAC-SHA256 over the link before and the canonical row, as 64 hexadecimal digits."""
    return hmac.digest(key, prev_hash.encode() + signed, "sha256").hex()


# As SQLite has it, and as PostgreSQL and files do. Python reads more: a database would sort some of
# that elsewhere, and not find it.
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d{3}|\.\d{6})?"
    r"|T\d\d:\d\d:\d\d(?:\.\d{6})?\+00:00)"
)
_HEX = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LENGTH = len("2026-05-04T03:00:00.000000+00:00")
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False).encode


def moment_text(value: datetime | str) -> str:
    """A moment as it is signed: ISO 8601, UTC, microseconds. Raises ValueError."""
    if isinstance(value, str):
        if not _TIME.fullmatch(value):
            raise ValueError(f"{value!r} is no time as it is written here")
        if len(value) == _LENGTH:
            return value
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is not UTC:
        # SQLite keeps UTC without saying so.
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.isoformat(timespec="microseconds")


def _version(value: Any) -> str | None:
    if value is None or isinstance(value, UUID):
        return value.hex if value else None
    if not _HEX.fullmatch(value):
        raise ValueError(f"{value!r} is no UUID as it is written here")
    return str(value).replace("-", "")


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found, end = _decode(value)
    return found if end == len(value) else json.loads(value, object_pairs_hook=unique_object)


def unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `json.loads(object_pairs_hook=…)`. Raises ValueError where a key stands twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        # Databases differ on which of two equal keys counts.
        raise ValueError("a key stands twice")
    return found


# Made once: `json.loads` would make one for each value.
_decode = json.JSONDecoder(object_pairs_hook=unique_object).raw_decode
