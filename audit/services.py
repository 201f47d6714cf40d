"""`record()`: the only writer of the audit log."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.actor import Actor
from audit.models import AuditEntry


class NotInTransaction(RuntimeError):
    """An audit row must live and die with the change that it tells of."""


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
    """Append one row to the log, inside the caller's transaction (runbook section 4).

    `payload` has exactly the contract's keys; what else is worth knowing goes to `context`, beside
    the actor's own, blanks left out. `change_id` names the flag row's version that this row
    accounts for. Raises NotInTransaction outside `atomic()`.
    """
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction(f"{action}: record() must be called inside the change's transaction")
    details = {**actor.context, **(context or {})}
    return AuditEntry.objects.create(
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
