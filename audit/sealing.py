"""Appending to the chain: the only writer of links."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from audit import keys
from audit.canonical import FIELDS, Unreadable, canonical, row_hash
from audit.chain import HEAD, Head, columns, head
from audit.triggers.postgres import LOCK

# Rows that triggers wrote and that wait are looked for among the latest of them, and further back
# only while all of those wait.
_FIRST_LOOK, _LAST_LOOK = 16, 4096
_AT_ONCE = 100

_LATEST_BY_TRIGGER = (
    "SELECT id FROM (SELECT id FROM console_audit_log WHERE channel = 'sql'"
    " ORDER BY created_at DESC, id DESC LIMIT %s) AS latest"
)
_UNSEALED = """
    SELECT {columns} FROM ({ids}) AS wanted
    JOIN console_audit_log AS log ON log.id = wanted.id
    WHERE NOT EXISTS (SELECT 1 FROM console_audit_chain WHERE audit_id = log.id)
    ORDER BY log.id
"""
# One round trip while others wait for the lock: the head is in each row, and there is always a row.
_HEAD_AND_UNSEALED = f"""
    SELECT head.seq, head.row_hash, unsealed.* FROM (SELECT 1 AS one) AS always
    LEFT JOIN ({HEAD}) AS head ON 1 = 1
    LEFT JOIN ({{unsealed}} {{limit}}) AS unsealed ON 1 = 1
    ORDER BY unsealed.id
"""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a sealer did: the rows that it gave links to (`FIELDS` each), and the head then.

    `unreadable` are the ids of rows without links that nothing of ours can have written.
    """

    rows: list[Sequence[Any]]
    head: Head
    unreadable: list[int]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What `seal_waiting` did: how many rows it sealed, the head then, and as in `Sealed`."""

    count: int
    head: Head
    unreadable: list[int]


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
                break
            look *= 4
        sealed = _append(cursor, last, rows)
    if not set(own).isdisjoint(sealed.unreadable):
        raise Unreadable(f"audit rows {own} cannot be sealed")
    return sealed


def seal_waiting() -> Waiting:
    """Append links for all rows of triggers that have none.

    In transactions of its own, so many rows in each: nobody waits for long. Where nothing waits
    the chain is not locked.
    """
    every = "channel = 'sql'"
    count, after, unreadable = 0, 0, list[int]()
    while _wait(every, after):
        with transaction.atomic():
            read, sealed = _seal_some(every, after)
        count, unreadable = count + len(sealed.rows), unreadable + sealed.unreadable
        if len(read) < _LAST_LOOK:
            break
        after = read[-1][0]
    return Waiting(count, head(), unreadable)


def adopt(last: int) -> int:
    """Append links for all rows up to the id `last` that have none, whatever their channel.

    Returns their number. For rows of a release that knew no chain; inside the caller's transaction.
    """
    count = after = 0
    while True:
        read, sealed = _seal_some(f"id <= {int(last)}", after)
        count += len(sealed.rows)
        if len(read) < _LAST_LOOK:
            return count
        after = read[-1][0]


_CHANNEL = FIELDS.index("channel")


def _lock_and_read(
    cursor: Any, ids: str, parameters: Sequence[Any] = (), limit: str = ""
) -> tuple[Head, list[Sequence[Any]]]:
    """The head, and those of the rows that a query names that have no links.

    One sealer at a time from here on, until the transaction ends. SQLite has one writer anyway. On
    PostgreSQL the checks of foreign keys come first: they wait for rows, and whoever holds those
    may wait for the lock. The lock is a statement of its own in the same message: a statement sees
    what was committed before it began, so the one that waits must not be the one that reads.
    """
    lock = ""
    if connection.vendor == "postgresql":
        lock = f"SET CONSTRAINTS ALL IMMEDIATE; SELECT pg_advisory_xact_lock({LOCK});"
    query = _HEAD_AND_UNSEALED.format(unsealed=_unsealed(ids), limit=limit)
    cursor.execute(lock + query, parameters)
    return _read(cursor)


def _read(cursor: Any) -> tuple[Head, list[Sequence[Any]]]:
    found = cursor.fetchall()
    last = Head() if found[0][0] is None else Head(*found[0][:2])
    return last, [row[2:] for row in found if row[2] is not None]


def _unsealed(ids: str) -> str:
    return _UNSEALED.format(columns=columns(), ids=ids)


def _ids(which: str, after: int) -> str:
    return f"SELECT id FROM console_audit_log WHERE {which} AND id > {after}"


def _wait(which: str, after: int) -> bool:
    """Whether there are such rows without links. Without the lock: there may be others by then."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_unsealed(_ids(which, after))} LIMIT 1")
        return cursor.fetchone() is not None


def _seal_some(which: str, after: int) -> tuple[list[Sequence[Any]], Sealed]:
    """Seal the first thousands of such rows: those that were read, and what came of it."""
    with connection.cursor() as cursor:
        last, rows = _lock_and_read(cursor, _ids(which, after), limit=f"LIMIT {_LAST_LOOK}")
        return rows, _append(cursor, last, rows)


def _append(cursor: Any, last: Head, rows: list[Sequence[Any]]) -> Sealed:
    """Links for these rows, but for those that nothing of ours can have written."""
    key_id, key = keys.signing_key()
    values: list[Any] = []
    sealed, unreadable = [], []
    for row in rows:
        try:
            digest = row_hash(key, last.row_hash, canonical(row))
        except Unreadable:
            unreadable.append(row[0])
            continue
        sealed.append(row)
        values.append((last.size + 1, row[0], last.row_hash, digest, key_id))
        last = Head(last.size + 1, digest)
    for start in range(0, len(values), _AT_ONCE):
        part = values[start : start + _AT_ONCE]
        cursor.execute(
            "INSERT INTO console_audit_chain (seq, audit_id, prev_hash, row_hash, key_id) VALUES "
            + ", ".join(["(%s, %s, %s, %s, %s)"] * len(part)),
            [value for link in part for value in link],
        )
    return Sealed(sealed, last, unreadable)
