"""`verify()`: whether the log is what was written, and all of it (runbook section 4)."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from audit import accounts_of_flags, chain, keys, triggers
from audit.checkpoints import Checkpoint
from audit.damage import Kind, Report
from audit.links import BATCH, batches
from audit.walk import Walk

_UNSEALED = """
    SELECT log.id, log.actor, log.action FROM console_audit_log AS log
    WHERE log.channel <> 'sql'
        AND NOT EXISTS (SELECT 1 FROM console_audit_chain WHERE audit_id = log.id)
    ORDER BY log.id
"""
_SINCE = """
    SELECT min(link.seq) FROM console_audit_chain AS link
    JOIN console_audit_log AS log ON log.id = link.audit_id
    WHERE log.created_at >= %s
"""


def first_since(moment: datetime) -> int | None:
    """The number of the first link whose row is of `moment` or later; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_SINCE, [connection.ops.adapt_datetimefield_value(moment)])
        found: int | None = cursor.fetchone()[0]
        return found


class Verification:
    """One verification: sealed first what waited, then `total` links to walk.

    `since` leaves out the links before that moment, and takes the word of the one before it.
    """

    def __init__(
        self, checkpoints: Sequence[Checkpoint] = (), since: datetime | None = None
    ) -> None:
        self.report = Report()
        _, self._head = chain.seal_waiting()
        self._checkpoints = checkpoints
        first = None if since is None else first_since(since)
        self._start = self._head.size if since and first is None else (first or 1) - 1
        self.total = self._head.size - self._start

    def run(self) -> Iterator[int]:
        """Walk; after each batch, how many links it had. Then the report is whole."""
        start = chain.head_at(self._start)
        walk = Walk(self.report, keys.known_keys(), start)
        for links in batches(self._start, self._head.size):
            walk.feed(links)
            yield len(links)
        walk.end(_existing)
        check_checkpoints(self.report, self._checkpoints, self._head.size, chain.hash_at)
        self._look_for_forgeries()
        for name in triggers.missing(connection):
            self.report.add(Kind.MISSING_TRIGGER, what=name)
        for audit_id, what in accounts_of_flags.wrong():
            self.report.add(Kind.FLAG_UNACCOUNTED, None, audit_id, what)

    def _look_for_forgeries(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_UNSEALED)
            while rows := cursor.fetchmany(BATCH):
                for audit_id, actor, action in rows:
                    what = f"{action} by {actor}"
                    self.report.add(Kind.FORGED_UNSEALED, None, audit_id, what)


def check_checkpoints(
    report: Report, checkpoints: Sequence[Checkpoint], size: int, hash_at: Any
) -> None:
    """Hold a chain of `size` links against what was signed of it. `hash_at(seq)` is its hash there,
    None where that link is gone."""
    for checkpoint in sorted(checkpoints, key=lambda one: one.size):
        what = f"checkpoint of {checkpoint.time}"
        if checkpoint.size > size:
            report.add(Kind.CUT_TAIL, size + 1, None, what, count=checkpoint.size - size)
        elif hash_at(checkpoint.size) != checkpoint.head:
            report.add(Kind.CUT_AND_REGROWN, checkpoint.size, None, what)


def _existing(hashes: Collection[str]) -> set[str]:
    """Which of these hashes some link has. There is no index: this is for a damaged chain alone."""
    found: set[str] = set()
    wanted = list(hashes)
    with connection.cursor() as cursor:
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ", ".join(["%s"] * len(part))
            cursor.execute(
                f"SELECT row_hash FROM console_audit_chain WHERE row_hash IN ({marks})", part
            )
            found.update(value for (value,) in cursor.fetchall())
    return found | ({chain.START} & set(wanted))
