"""The log as a file that can be kept elsewhere and verified without the database.

JSON lines or CSV, a row each with its place in the chain; the last line is a signed manifest of
what the file must hold. Some thousands of rows are in memory at a time, and no transaction is open.
"""

import contextlib
import csv
import hashlib
import hmac
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from audit import keys, sealing
from audit.canonical import FIELDS, moment_text
from audit.chain import columns
from audit.json_text import json_text
from audit.links import BATCH, Link, batches

CHAIN_FIELDS = ("seq", "audit_id", "prev_hash", "row_hash", "key_id")
# The audit id stands twice in a Link, for rows that are gone; so it does in a file.
HEADER = (*CHAIN_FIELDS, *FIELDS)
_JSON_FIELDS = [HEADER.index(name) for name in ("payload", "context")]
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
FORMATS = ("jsonl", "csv")

# Forgeries. Of triggers' rows those that came since the export began are none.
_UNSEALED = """
    SELECT NULL, log.id, NULL, NULL, NULL, {columns}
    FROM console_audit_log AS log
    WHERE log.id > %s AND log.channel <> 'sql' {where}
        AND NOT EXISTS (SELECT 1 FROM console_audit_chain WHERE audit_id = log.id)
    ORDER BY log.id LIMIT {batch}
"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows; all, where nothing is given. `since` is included, `until` is not."""

    action: str | None = None
    flag: str | None = None
    env: str | None = None
    actor: str | None = None
    channel: str | None = None
    incident: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def as_dict(self) -> dict[str, str]:
        """What is given, for the audit log and the manifest."""
        given = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in given.items()
            if value is not None
        }

    def where(self) -> tuple[str, list[Any]]:
        """The conditions as SQL, each after an AND, and their parameters."""
        conditions = {
            "log.action = %s": self.action,
            "log.target_type = 'feature_flag' AND log.target_id = %s": self.flag,
            f"{json_text('log.payload', 'env')} = %s": self.env,
            "log.actor = %s": self.actor,
            "log.channel = %s": self.channel,
            f"{json_text('log.context', 'incident')} = %s": self.incident,
            "log.created_at >= %s": _adapted(self.since),
            "log.created_at < %s": _adapted(self.until),
        }
        given = {text: value for text, value in conditions.items() if value is not None}
        return "".join(f" AND {text}" for text in given), list(given.values())


class Export:
    """One export: rows that wait are sealed first, then all up to the head of that moment."""

    def __init__(self, chosen: Filter) -> None:
        self._filter = chosen
        self.head = sealing.seal_waiting().head
        self._rows, self._digest = 0, hashlib.sha256()

    def write(self, out: io.TextIOBase, form: str) -> Iterator[int]:
        """Write the file to `out`; after each batch, how many links of the chain it took in."""
        line = _LINES[form]
        if form == "csv":
            out.write(_csv_line(HEADER))
        for links, taken in self._batches():
            for link in links:
                self._rows += 1
                self._digest.update(place_of(link))
                out.write(line(link))
            yield taken
        manifest = json.dumps(self._manifest())
        out.write(_csv_line(("manifest", manifest)) if form == "csv" else manifest + "\n")

    def _batches(self) -> Iterator[tuple[list[Link], int]]:
        where, params = self._filter.where()
        left = self.head.size
        for links in batches(0, self.head.size, where, params):
            yield links, min(BATCH, left)
            left -= BATCH
        query = _UNSEALED.format(columns=columns(), where=where, batch=BATCH)
        forged: list[Link] = [(None, 0)]
        while forged:
            with connection.cursor() as cursor:
                cursor.execute(query, [forged[-1][1], *params])
                forged = cursor.fetchall()
            yield forged, 0

    def _manifest(self) -> dict[str, Any]:
        key_id, key = keys.signing_key()
        said = {
            "filter": self._filter.as_dict(),
            "rows": self._rows,
            "digest": self._digest.hexdigest(),
            "size": self.head.size,
            "head": self.head.row_hash,
            "time": timezone.now().isoformat(timespec="seconds"),
            "key_id": key_id,
        }
        return {"manifest": said, "hmac": sign_manifest(key, said)}


def place_of(link: Link) -> bytes:
    """What a manifest's digest takes in of a row: its place and its hash."""
    seq, audit_id, _, row_hash, *_ = link
    return f"{seq} {audit_id} {row_hash}\n".encode()


def sign_manifest(key: bytes, said: dict[str, Any]) -> str:
    """The HMAC of a manifest's object."""
    text = json.dumps(said, sort_keys=True)
    return hmac.digest(key, f"manifest {text}".encode(), "sha256").hex()


def safe_cell(text: str) -> str:
    """A CSV cell that no spreadsheet takes for a formula: an apostrophe before what begins one."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def plain_cell(text: str) -> str:
    """The reverse of `safe_cell`."""
    return text[1:] if text[:1] == "'" else text


def _jsonl_line(link: Link) -> str:
    said = dict(zip(HEADER, link, strict=True))
    for name in ("payload", "context"):
        if said[name] is not None:
            said[name] = json.loads(said[name])
    return json.dumps({**said, **_texts(said)}) + "\n"


def _csv_row(link: Link) -> str:
    said = dict(zip(HEADER, link, strict=True))
    cells = ("" if value is None else str(value) for value in {**said, **_texts(said)}.values())
    return _csv_line([safe_cell(cell) for cell in cells])


def _texts(said: dict[str, Any]) -> dict[str, Any]:
    """Times in UTC and versions, as they are signed; one that is none as it stands."""
    moment, change = said["created_at"], said["change_id"]
    with contextlib.suppress(ValueError):
        moment = None if moment is None else moment_text(moment)
    return {"created_at": moment, "change_id": None if change is None else str(change)}


def _csv_line(cells: Any) -> str:
    buffer = io.StringIO()
    # The line ends of RFC 4180: with others a lone CR would stand unquoted.
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()


_LINES: dict[str, Callable[[Link], str]] = {"jsonl": _jsonl_line, "csv": _csv_row}


def _adapted(moment: datetime | None) -> Any:
    return None if moment is None else connection.ops.adapt_datetimefield_value(moment)
