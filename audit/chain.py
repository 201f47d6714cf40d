"""The chain: each audit row signed together with the one before it. The only writer of links.

`row_hash = HMAC-SHA256(key, prev_hash ‖ canonical row)`. Whoever has the database but not the key
can neither change a row nor take one out of the middle without a broken link. What this proves and
what it cannot: docs/architecture/audit-log.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from audit import keys
from audit.canonical import FIELDS, canonical, row_hash
from audit.triggers.postgres import LOCK

START = "0" * 64
"""The `prev_hash` of the first link."""
# Rows that triggers wrote and that wait are looked for among the latest of them, and further back
# only while all of those wait.
_FIRST_LOOK, _LAST_LOOK = 16, 4096
_AT_ONCE = 100

COLUMNS = ", ".join(f"log.{field}" for field in FIELDS)
_LATEST_BY_TRIGGER = (
    "SELECT id FROM (SELECT id FROM console_audit_log WHERE channel = 'sql'"
    " ORDER BY created_at DESC, id DESC LIMIT %s) AS latest"
)
_UNSEALED = f"""
    SELECT {COLUMNS} FROM ({{ids}}) AS wanted
    JOIN console_audit_log AS log ON log.id = wanted.id
    WHERE NOT EXISTS (SELECT 1 FROM console_audit_chain WHERE audit_id = log.id)
    ORDER BY log.id
"""
_HEAD = "SELECT seq, row_hash FROM console_audit_chain ORDER BY seq DESC LIMIT 1"
# One round trip while others wait for the lock: the head is in each row, and there is always a row.
_HEAD_AND_UNSEALED = f"""
    SELECT head.seq, head.row_hash, unsealed.* FROM (SELECT 1 AS one) AS always
    LEFT JOIN ({_HEAD}) AS head ON 1 = 1
    LEFT JOIN ({_UNSEALED} {{limit}}) AS unsealed ON 1 = 1
    ORDER BY unsealed.id
"""


@dataclass(frozen=True, slots=True)
class Head:
    """The last link: how many there are, and its hash. An empty chain has size 0."""

    size: int = 0
    row_hash: str = START


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a sealer did: the rows that it gave links to (`FIELDS` each), and the head then."""

    rows: list[Sequence[Any]]
    head: Head


def head() -> Head:
    """The last link that is committed, or that this transaction made."""
    with connection.cursor() as cursor:
        cursor.execute(_HEAD)
        return Head(*(cursor.fetchone() or ()))


def head_at(seq: int) -> Head | None:
    """What the head was when the chain had `seq` links. None where that link is gone."""
    if seq == 0:
        return Head()
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, row_hash FROM console_audit_chain WHERE seq = %s", [seq])
        found = cursor.fetchone()
    return Head(*found) if found else None


def hash_at(seq: int) -> str | None:
    """The hash of link `seq`; of 0 the one that the first link names. None where it is gone."""
    found = head_at(seq)
    return found.row_hash if found else None


def seal(ids: Iterable[int]) -> Sealed:
    """Append links for these rows, and for those of triggers that wait, in the order of their ids.

    The chain is locked from here to the end of the transaction, so this is its last act. Rows that
    a rolled-back savepoint took with it are left out.
    """
    own = [int(pk) for pk in ids]
    with connection.cursor() as cursor:
        look = _FIRST_LOOK
        while True:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT * FROM console_audit_unsealed(%s, %s)", [own, look])
                last, rows = _read(cursor)
            else:
                wanted = " UNION ALL ".join(f"SELECT {pk} AS id" for pk in own)
                last, rows = _lock_and_read(cursor, f"{wanted} UNION {_LATEST_BY_TRIGGER}", [look])
            if look >= _LAST_LOOK or sum(row[_CHANNEL] == "sql" for row in rows) < look:
                return _append(cursor, last, rows)
            look *= 4


def seal_waiting() -> tuple[int, Head]:
    """Append links for all rows of triggers that have none: their number, and the head then.

    In a transaction of its own.
    """
    with transaction.atomic():
        return _seal_all("SELECT id FROM console_audit_log WHERE channel = 'sql'")


def adopt(last: int) -> tuple[int, Head]:
    """Append links for all rows up to the id `last` that have none, whatever their channel.

    Returns their number and the head. For rows of a release that knew no chain; inside the
    caller's transaction.
    """
    return _seal_all(f"SELECT id FROM console_audit_log WHERE id <= {int(last)}")


_CHANNEL = FIELDS.index("channel")


def _lock_and_read(
    cursor: Any, ids: str, parameters: Sequence[Any] = (), limit: str = ""
) -> tuple[Head, list[Sequence[Any]]]:
    """The head, and those of the rows that a query names that have no links.

    One sealer at a time from here on, until the transaction ends. SQLite has one writer anyway; on
    PostgreSQL the lock is a statement of its own in the same message: a statement sees what was
    committed before it began, so the one that waits must not be the one that reads.
    """
    lock = f"SELECT pg_advisory_xact_lock({LOCK});" if connection.vendor == "postgresql" else ""
    cursor.execute(lock + _HEAD_AND_UNSEALED.format(ids=ids, limit=limit), parameters)
    return _read(cursor)


def _read(cursor: Any) -> tuple[Head, list[Sequence[Any]]]:
    found = cursor.fetchall()
    last = Head() if found[0][0] is None else Head(*found[0][:2])
    return last, [row[2:] for row in found if row[2] is not None]


def _seal_all(ids: str) -> tuple[int, Head]:
    """Seal the rows that a query names, some thousands at a time: their number, and the head."""
    count = 0
    with connection.cursor() as cursor:
        while True:
            last, rows = _lock_and_read(cursor, ids, limit=f"LIMIT {_LAST_LOOK}")
            sealed = _append(cursor, last, rows)
            count += len(sealed.rows)
            if len(sealed.rows) < _LAST_LOOK:
                return count, sealed.head


def _append(cursor: Any, last: Head, rows: list[Sequence[Any]]) -> Sealed:
    key_id, key = keys.signing_key()
    values: list[Any] = []
    for row in rows:
        digest = row_hash(key, last.row_hash, canonical(row))
        values.append((last.size + 1, row[0], last.row_hash, digest, key_id))
        last = Head(last.size + 1, digest)
    for start in range(0, len(values), _AT_ONCE):
        part = values[start : start + _AT_ONCE]
        cursor.execute(
            "INSERT INTO console_audit_chain (seq, audit_id, prev_hash, row_hash, key_id) VALUES "
            + ", ".join(["(%s, %s, %s, %s, %s)"] * len(part)),
            [value for link in part for value in link],
        )
    return Sealed(rows, last)
