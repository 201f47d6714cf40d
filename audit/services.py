"""`audited()` and `record()`: the only way into the audit log."""

import functools
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.db import Error as DBError
from django.db import connection, transaction
from django.utils import timezone

from audit import checkpoints, sealing
from audit.actor import Actor
from audit.canonical import FIELDS
from audit.commits import Commit, note_done
from audit.models import AuditEntry


class NotInTransaction(RuntimeError):
    """An audit row must live and die with the change that it tells of."""


# The rows of the transaction at hand that have no links yet.
_to_seal: ContextVar[list[AuditEntry] | None] = ContextVar("audit_rows_to_seal", default=None)


@contextmanager
def audited() -> Iterator[None]:
    """One transaction (`atomic()`), at whose end the rows that were recorded in it are sealed.

    Sealing comes last because the chain is locked from then on: whoever holds it waits for nothing
    but the commit, so no open transaction elsewhere can hold up the console. Inside another
    `audited()` this is a savepoint, and the outer one seals: several acts in one transaction are
    put in an `audited()` of their own, never in a plain `atomic()`, which would keep the lock.

    Where the answer to COMMIT is lost, the row is looked for: if it is there all goes on, with
    everything that `on_commit` was given, as if the answer had come. If it is not, the error says
    that nothing was done. Raises OutcomeUnknown where nobody can be asked. Of changes to prod's
    flags a checkpoint goes to the log once they are committed.
    """
    if _to_seal.get() is not None:
        with transaction.atomic():
            yield
        return
    recorded: list[AuditEntry] = []
    commit = None
    # Inside a plain `atomic()` the COMMIT is somebody else's.
    is_outermost = not connection.in_atomic_block
    answers: list[bool] = []
    try:
        with transaction.atomic():
            if is_outermost:
                # The first of what is called after the COMMIT: an error of another one is no
                # COMMIT's.
                transaction.on_commit(functools.partial(answers.append, True))
            token = _to_seal.set(recorded)
            try:
                yield
            finally:
                _to_seal.reset(token)
            kept = _seal(recorded) if recorded and not transaction.get_rollback() else []
            if is_outermost and kept:
                commit = Commit.about_to(kept)
    except DBError as error:
        if answers and commit is not None:
            note_done(commit.entries)
        # What was raised before COMMIT was sent leaves nothing done.
        if answers or commit is None or not commit.is_in_doubt(error) or not commit.settle():
            raise
    if commit is not None:
        note_done(commit.entries)


def record(
    actor: Actor,
    action: str,
    *,
    target_type: str,
    target_id: str,
    payload: Mapping[str, Any],
    context: Mapping[str, Any] | None = None,
    change_id: uuid.UUID | None = None,
    now: datetime | None = None,
) -> AuditEntry:
    """Append one row to the log, inside the caller's `audited()` (runbook section 4).

    `payload` has exactly the contract's keys; what else is worth knowing goes to `context`, beside
    the actor's own, blanks left out. `change_id` names the flag row's version that this row
    accounts for. Raises NotInTransaction outside `audited()`.
    """
    recorded = _to_seal.get()
    if recorded is None:
        raise NotInTransaction(f"{action}: record() must be called inside the change's audited()")
    details = {**actor.context, **(context or {})}
    entry = AuditEntry(
        created_at=now or timezone.now(),
        admin=actor.user,
        actor=actor.label,
        channel=actor.channel,
        action=action,
        target_type=target_type,
        target_id=target_id,
        payload=dict(payload),
        context={name: value for name, value in details.items() if value not in ("", None)},
        change_id=change_id,
    )
    entry.append()
    recorded.append(entry)
    return entry


_ACTION, _PAYLOAD = FIELDS.index("action"), FIELDS.index("payload")


def _seal(recorded: list[AuditEntry]) -> list[AuditEntry]:
    """Those of the rows that are there: a savepoint may have taken some back."""
    sealed = sealing.seal(entry.pk for entry in recorded)
    if any(map(_is_of_prod, sealed.rows)):
        transaction.on_commit(functools.partial(checkpoints.log, sealed.head), robust=True)
    # On SQLite a row that was taken back leaves its number to the next one.
    by_number = {entry.pk: entry for entry in recorded}
    return [by_number[row[0]] for row in sealed.rows if row[0] in by_number]


def _is_of_prod(row: Sequence[Any]) -> bool:
    """Whether a sealed row tells of a flag of prod. Raw SQL may have written anything."""
    said = json.loads(row[_PAYLOAD]) if row[_ACTION] == "console.flag.flip" else None
    return isinstance(said, dict) and said.get("env") == "prod"
