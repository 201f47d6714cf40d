"""`audited()` and `record()`: the only way into the audit log."""

import functools
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit import checkpoints, sealing
from audit.actor import Actor
from audit.canonical import FIELDS
from audit.models import AuditEntry


class NotInTransaction(RuntimeError):
    """An audit row must live and die with the change that it tells of."""


# The rows of the transaction at hand that have no links yet.
_to_seal: ContextVar[list[int] | None] = ContextVar("audit_rows_to_seal", default=None)


@contextmanager
def audited() -> Iterator[None]:
    """One transaction (`atomic()`), at whose end the rows that were recorded in it are sealed.

    Sealing comes last because the chain is locked from then on: whoever holds it waits for nothing
    but the commit, so no open transaction elsewhere can hold up the console. Inside another
    `audited()` this is a savepoint, and the outer one seals: several acts in one transaction are
    put in an `audited()` of their own, never in a plain `atomic()`, which would keep the lock.

    Of changes to prod's flags a checkpoint goes to the log once they are committed.
    """
    with transaction.atomic():
        if _to_seal.get() is not None:
            yield
            return
        recorded: list[int] = []
        token = _to_seal.set(recorded)
        try:
            yield
        finally:
            _to_seal.reset(token)
        if recorded and not transaction.get_rollback():
            _seal(recorded)


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
    recorded.append(entry.pk)
    return entry


_ACTION, _PAYLOAD = FIELDS.index("action"), FIELDS.index("payload")


def _seal(recorded: list[int]) -> None:
    sealed = sealing.seal(recorded)
    if any(map(_is_of_prod, sealed.rows)):
        transaction.on_commit(functools.partial(checkpoints.log, sealed.head), robust=True)


def _is_of_prod(row: Sequence[Any]) -> bool:
    """Whether a sealed row tells of a flag of prod. Raw SQL may have written anything."""
    said = json.loads(row[_PAYLOAD]) if row[_ACTION] == "console.flag.flip" else None
    return isinstance(said, dict) and said.get("env") == "prod"
