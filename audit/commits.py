"""A COMMIT whose answer was lost: what became of it is looked up, never guessed."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db import Error as DBError
from django.db import OperationalError, connection, transaction

from audit.deadline import answers_within
from audit.failures import sqlstate
from audit.models import AuditEntry
from audit.triggers.postgres import LOCK

logger = logging.getLogger(__name__)

LOOK_SECONDS = 6.0
_AGAIN_SECONDS = 0.3
_LOCK_SECONDS = 1
# A server that ends a session says so itself; the COMMIT may be done all the same.
_SESSION_ENDED = ("08", "57P", "58", "XX")
# The old session alone, and that only while it holds the chain: its number may be another's by now.
_END_OLD_SESSION = """
    SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE pid = %s AND granted AND locktype = 'advisory' AND classid = 0 AND objid = %s
    AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


_ROW = "SELECT * FROM console_audit_log WHERE {};"


class OutcomeUnknown(OperationalError):
    """COMMIT was sent, no answer came, and nobody can be asked: done or not done, nobody knows.

    The message says where to look before it is tried again.
    """

    def __init__(self, entry: AuditEntry) -> None:
        self.entry = entry
        by_change = f"change_id = '{entry.change_id}'"
        row = _ROW.format(by_change if entry.change_id else f"id = {entry.pk}")
        super().__init__(
            f"It is not known whether this was done ({entry.action} {entry.target_id}): the "
            "database went away in the middle of the COMMIT. Look before you try again: it was "
            f"done if this finds a row: {row}"
        )


@dataclass(slots=True)
class Acts:
    """What was done since `noting_acts` began: audit rows of committed acts, and those in doubt."""

    done: list[AuditEntry] = field(default_factory=list)
    unknown: list[OutcomeUnknown] = field(default_factory=list)


_acts: ContextVar[Acts | None] = ContextVar("acts_of_this_request", default=None)


@contextmanager
def noting_acts() -> Iterator[Acts]:
    """Note what `audited()` blocks of this block commit: an answer that fails later must not say
    that nothing was done."""
    acts = Acts()
    token = _acts.set(acts)
    try:
        yield acts
    finally:
        _acts.reset(token)


def note_done(entries: Sequence[AuditEntry]) -> None:
    acts = _acts.get()
    if acts is not None:
        acts.done.extend(entries)


@dataclass(frozen=True, slots=True)
class Commit:
    """A transaction as it was just before its COMMIT: its audit rows, what was to be called after
    it, and its session's number on a PostgreSQL server."""

    entries: Sequence[AuditEntry]
    hooks: Sequence[Any]
    session: int | None

    @classmethod
    def about_to(cls, entries: Sequence[AuditEntry]) -> "Commit":
        """The transaction at hand."""
        is_postgres = connection.vendor == "postgresql"
        session = connection.connection.info.backend_pid if is_postgres else None
        return cls(entries, list(connection.run_on_commit), session)

    def is_in_doubt(self, error: DBError) -> bool:
        """Whether, with this error in place of COMMIT's answer, the commit may be done.

        Not where the server gave a reason, such as a constraint; nor where there is no audit row:
        what changes anything has one.
        """
        said = sqlstate(error)
        return bool(self.entries) and (not said or said.startswith(_SESSION_ENDED))

    def settle(self) -> bool:
        """Look whether it was done, and if so do what was to be done after it.

        Raises OutcomeUnknown where that cannot be found out.
        """
        until = time.monotonic() + LOOK_SECONDS
        while True:
            try:
                done = self._look(until - time.monotonic())
                break
            except DBError as error:
                connection.close()
                if time.monotonic() + _AGAIN_SECONDS >= until:
                    raise self._unknown() from error
                time.sleep(_AGAIN_SECONDS)
        if done:
            for _, function, robust in self.hooks:
                transaction.on_commit(function, robust=robust)
        logger.warning(
            "COMMIT's answer was lost: %s was %s",
            self.entries[0].action,
            "done" if done else "not done",
        )
        return done

    def _look(self, seconds: float) -> bool:
        """Whether the transaction's audit rows are there, on a connection of its own."""
        connection.close()
        entry = next((entry for entry in self.entries if entry.change_id), self.entries[0])
        with answers_within(seconds), transaction.atomic():
            if self.session is not None:
                _wait_for_the_end_of(self.session)
            # Without a change_id by number: PostgreSQL's sequence gives none twice, and SQLite
            # has no server that could lose an answer.
            which = {"change_id": entry.change_id} if entry.change_id else {"pk": entry.pk}
            return AuditEntry.objects.filter(**which, action=entry.action).exists()

    def _unknown(self) -> OutcomeUnknown:
        unknown = OutcomeUnknown(self.entries[0])
        acts = _acts.get()
        if acts is not None:
            acts.unknown.append(unknown)
        return unknown


def _wait_for_the_end_of(session: int) -> None:
    """Wait until the old transaction is over, so that what is not there now never comes.

    The server may still be at it, or may not have read the COMMIT yet. A transaction with audit
    rows has sealed them and holds the chain's lock until it ends, and its rows are seen before the
    lock is let go: with the lock in our hands the look is conclusive. A session that waits for a
    COMMIT that a network swallowed would hold the chain for as long as the server believes in it:
    it is ended. Raises DatabaseError where the lock is not to be had.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        if cursor.fetchone()[0]:
            # A standby may not have it yet.
            raise OperationalError("a standby answers: whether the commit was done it cannot say")
        cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        lock = f"SELECT pg_advisory_xact_lock({LOCK})"
        try:
            with transaction.atomic():
                cursor.execute(lock)
        except OperationalError as error:
            if not sqlstate(error):
                raise
            cursor.execute(_END_OLD_SESSION, [session, LOCK])
            cursor.execute(lock)
