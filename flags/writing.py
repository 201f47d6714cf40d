"""How a DB row gets its value: one transaction's audit row and compare-and-swap."""

import functools
import uuid
from datetime import datetime

from django.db import IntegrityError, transaction

from audit.actor import Actor
from audit.models import AuditEntry
from audit.services import record
from flags import break_glass, runtime, slots
from flags.models import FeatureFlag
from flags.state import FlagState


class LostRace(Exception):
    """Someone else changed the row between our look and our swap."""


def write(
    state: FlagState, value: bool, actor: Actor, now: datetime, context: dict[str, str]
) -> FlagState:
    """Give the flag this value: the audit row first, then the swap, then whoever stands beside it.

    For `flags.services` alone, inside `audited()`. Returns the state after it. Raises LostRace; the
    caller's transaction takes the audit row back.
    """
    change_id = uuid.uuid4()
    entry = record(
        actor,
        "console.flag.flip",
        target_type="feature_flag",
        target_id=state.key,
        payload={"flag": state.key, "env": state.env, "from": state.value, "to": value},
        context=context | {"from_source": state.source.value},
        change_id=change_id,
        now=now,
    )
    if actor.break_glass and actor.user is not None:
        incident = context.get("incident", "")
        break_glass.note(state, value, actor.user, change_id=change_id, incident=incident, now=now)
    row = _swap(state, value, actor, now, change_id)
    if state.row is None and _was_changed_after(entry, state.env):
        raise LostRace
    slots.companion().flipped(entry)
    transaction.on_commit(functools.partial(runtime.invalidate, state.env), robust=True)
    return state.environment.state(state.key, row)


def _was_changed_after(entry: AuditEntry, env: str) -> bool:
    """Whether the log goes on after `entry` with changes of the same flag.

    A row that came and went meanwhile leaves the unique key free. With our row in its place nobody
    else can change the flag, so what is in the log now is all that there was.
    """
    same_flag = AuditEntry.objects.filter(target_type="feature_flag", target_id=entry.target_id)
    return same_flag.filter(pk__gt=entry.pk, payload__env=env, change_id__isnull=False).exists()


def _swap(
    state: FlagState, value: bool, actor: Actor, now: datetime, change_id: uuid.UUID
) -> FeatureFlag:
    """Change the row that was seen, or make the first one. Raises LostRace.

    `select_for_update()` does nothing on SQLite; an UPDATE that names the old version and value is
    one row or someone else won, on both databases.
    """
    row = FeatureFlag(
        flag_key=state.key,
        env=state.env,
        value=int(value),
        updated_at=now,
        updated_by=actor.user,
        change_id=change_id,
    )
    if state.row is None:
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            raise LostRace from None
        return row
    swapped = FeatureFlag.objects.filter(
        pk=state.row.pk, change_id=state.row.change_id, value=state.row.value
    ).update(value=int(value), updated_at=now, updated_by=actor.user, change_id=change_id)
    if not swapped:
        raise LostRace
    row.pk = state.row.pk
    return row
