"""The chain: each audit row signed together with the one before it.

`row_hash = HMAC-SHA256(key, prev_hash ‖ canonical row)`. Whoever has the database but not the key
can neither change a row nor take one out of the middle without a broken link. What this proves and
what it cannot: docs/architecture/audit-log.md.
"""

from dataclasses import dataclass

from django.db import connection

from audit.canonical import FIELDS

START = "0" * 64
"""The `prev_hash` of the first link."""
HEAD = "SELECT seq, row_hash FROM console_audit_chain ORDER BY seq DESC LIMIT 1"
# As `canonical` writes them: the drivers would make objects of them for nothing, and fail where
# somebody has written what is none.
_AS_SIGNED = {
    "postgresql": {
        "created_at": """to_char(log.created_at AT TIME ZONE 'UTC',
            'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') AS created_at""",
        "change_id": "replace(log.change_id::text, '-', '') AS change_id",
    },
    "sqlite": {"created_at": "CAST(log.created_at AS text) AS created_at"},
}


def columns() -> str:
    """The `FIELDS` of a row of the log, called `log`, as a query reads them to be signed."""
    own = _AS_SIGNED[connection.vendor]
    return ", ".join(own.get(name, f"log.{name}") for name in FIELDS)


@dataclass(frozen=True, slots=True)
class Head:
    """The last link: how many there are, and its hash. An empty chain has size 0."""

    size: int = 0
    row_hash: str = START


def head() -> Head:
    """The last link that is committed, or that this transaction made."""
    with connection.cursor() as cursor:
        cursor.execute(HEAD)
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
