"""`verify()`: whether the log is what was written, and all of it (runbook section 4)."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from audit import accounts_of_flags, chain, keys, sealing, triggers
from audit.checkpoints import Checkpoint
from audit.damage import Kind, Report
from audit.links import BATCH, batches
from audit.walk import Walk

_UNSEALED = """
    SELECT log.id, log.actor, log.action FROM console_audit_log AS log
    WHERE log.channel <> 'sql' AND log.id > %s
        AND NOT EXISTS (SELECT 1 FROM console_audit_chain WHERE audit_id = log.id)
    ORDER BY log.id LIMIT %s
"""
_FIRST_SINCE = """
    SELECT min(link.seq) FROM console_audit_chain AS link
    JOIN console_audit_log AS log ON log.id = link.audit_id
    WHERE log.created_at >= %s
"""
_LAST_BEFORE = """
    SELECT link.seq FROM console_audit_chain AS link
    JOIN console_audit_log AS log ON log.id = link.audit_id
    WHERE log.created_at < %s ORDER BY link.seq DESC LIMIT 1
"""


def first_to_walk(since: datetime) -> int:
    """The number of the link to begin with, so that all rows of `since` and later are walked.

    A time in a row is not to be believed before the row is checked: the walk begins with the last
    link whose row claims to be older, so that rows that were dated back, or are gone, are seen.
    """
    moment = connection.ops.adapt_datetimefield_value(since)
    numbers = []
    with connection.cursor() as cursor:
        for query in (_FIRST_SINCE, _LAST_BEFORE):
            cursor.execute(query, [moment])
            numbers += [seq for (seq,) in cursor.fetchall() if seq is not None]
    return min(numbers, default=1)


class Verification:
    """One verification: sealed first what waited, then `total` links to walk.

    `since` leaves out the links before that moment, and takes the word of the one before them.
    """

    def __init__(
        self, checkpoints: Sequence[Checkpoint] = (), since: datetime | None = None
    ) -> None:
        self.report = Report()
        self._waited = sealing.seal_waiting()
        self._size = self._waited.head.size
        self._checkpoints = checkpoints
        self._start = first_to_walk(since) - 1 if since else 0
        self.total = self._size - self._start

    def run(self) -> Iterator[int]:
        """Walk; after each batch, how many links it had. Then the report is whole."""
        start = chain.head_at(self._start)
        if start is None:
            self.report.add(Kind.DELETED, self._start, None, "the link to begin after")
        walk = Walk(self.report, keys.known_keys(), start, retired=retired_at(self._checkpoints))
        for links in batches(self._start, self._size):
            walk.feed(links)
            yield len(links)
        walk.end(_existing)
        check_checkpoints(self.report, self._checkpoints, self._size, chain.hash_at)
        self._look_for_forgeries()
        for name in triggers.missing(connection):
            self.report.add(Kind.MISSING_TRIGGER, what=name)
        for name in triggers.foreign(connection):
            self.report.add(Kind.FOREIGN_TRIGGER, what=name)
        for audit_id, what in accounts_of_flags.wrong():
            self.report.add(Kind.FLAG_UNACCOUNTED, None, audit_id, what)

    def _look_for_forgeries(self) -> None:
        for audit_id in self._waited.unreadable:
            what = "it cannot be read: no trigger of ours wrote it"
            self.report.add(Kind.FORGED_UNSEALED, None, audit_id, what)
        rows = [(0, "", "")]
        while rows:
            with connection.cursor() as cursor:
                cursor.execute(_UNSEALED, [rows[-1][0], BATCH])
                rows = cursor.fetchall()
            for audit_id, actor, action in rows:
                self.report.add(Kind.FORGED_UNSEALED, None, audit_id, f"{action} by {actor}")


def retired_at(checkpoints: Sequence[Checkpoint]) -> int | None:
    """The link after which no older key may sign: the last one of which the present key has signed
    a checkpoint. None where there is no such checkpoint."""
    present, _ = keys.signing_key()
    return max((one.size for one in checkpoints if one.key_id == present), default=None)


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
