"""Reading the chain: each link with its row, some thousands at a time."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from audit.chain import columns

Link = Sequence[Any]
"""seq, audit_id, prev_hash, row_hash, key_id, then the row's `FIELDS`, None where it is gone."""

BATCH = 5000
_JOIN = "LEFT JOIN console_audit_log AS log ON log.id = link.audit_id"
# PostgreSQL would rather read the whole log than look up some thousands of rows, for each batch.
_LOOK_UP = """
    LEFT JOIN LATERAL (
        SELECT * FROM console_audit_log WHERE id = link.audit_id OFFSET 0
    ) AS log ON true
"""
_LINKS = """
    SELECT link.seq, link.audit_id, link.prev_hash, link.row_hash, link.key_id, {columns}
    FROM console_audit_chain AS link {join}
    WHERE link.seq > %s AND link.seq <= %s {where}
    ORDER BY link.seq
"""


def batches(
    after: int, last: int, where: str = "", params: Sequence[Any] = ()
) -> Iterator[list[Link]]:
    """The links numbered from `after + 1` to `last`, those of `BATCH` numbers at a time.

    `where` are further conditions, each after an AND, with their parameters. A query for each
    batch: no transaction stays open, and no batch holds up a writer.
    """
    join = _LOOK_UP if connection.vendor == "postgresql" else _JOIN
    query = _LINKS.format(columns=columns(), join=join, where=where)
    with connection.cursor() as cursor:
        for start in range(after, last, BATCH):
            cursor.execute(query, [start, min(start + BATCH, last), *params])
            yield cursor.fetchall()
