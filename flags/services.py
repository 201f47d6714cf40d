"""`flip()`: the only writer of DB rows (runbook section 2)."""

import functools
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.actor import Actor
from audit.models import AuditEntry
from audit.services import audited, record
from flags import break_glass, policy, runtime
from flags.layers import word
from flags.models import FeatureFlag
from flags.refusals import DbLayerOff, EnvironmentNotServed, StateMoved
from flags.state import FlagState, read_state

_SEEN = re.compile(r"db:([0-9a-f]{32})?:[01]|(env|yaml)::[01]")


class Outcome(StrEnum):
    FLIPPED = "flipped"
    PINNED = "pinned"
    """The same value, now from a DB row instead of env or yaml."""
    ALREADY = "already"
    """The row had that value; nothing was written."""


@dataclass(frozen=True, slots=True)
class Flip:
    """What a flip did, and the state after it."""

    outcome: Outcome
    state: FlagState


class _LostRace(Exception):
    """Someone else changed the row between our look and our swap."""


def is_seen_token(text: str) -> bool:
    """Whether `text` can be a `FlagState.seen`."""
    return _SEEN.fullmatch(text) is not None


def flip(
    key: str,
    env: str,
    value: bool,
    *,
    actor: Actor,
    seen: str,
    reason: str = "",
    incident: str = "",
    now: datetime | None = None,
) -> Flip:
    """Set flag `key` to `value` in `env`: policy, compare-and-swap, audit row, invalidation.

    One transaction or nothing; a caller's own transaction around it is `audited()`. `seen` is the
    `FlagState.seen` that the actor acted upon. A value that the row already has is answered as
    done, and nothing is written; a value that env or yaml gives may be flipped to itself, which
    writes the row ("pin").

    Raises, in this order: UndeclaredFlag; RoleForbidden; EnvironmentNotServed; DbLayerOff;
    StateMoved (with the fresh state) when the value is no longer the one that was seen;
    ElevationRequired. Source: runbook sections 2, 4 and 5.
    """
    now = now or timezone.now()
    try:
        with audited():
            state = read_state(key, env)
            policy.check_role(actor, state.declaration.risk)
            check_environment(env)
            if state.is_set_to(value):
                return Flip(Outcome.ALREADY, state)
            if state.seen != seen:
                raise _moved(state)
            policy.check_elevation(actor, state.declaration.risk)
            done = _write(state, value, actor, now, {"reason": reason, "incident": incident})
            # The swap may have waited for another one's.
            policy.check_elevation(actor, state.declaration.risk, afresh=True)
            return done
    except _LostRace:
        state = read_state(key, env)
        if state.is_set_to(value):
            return Flip(Outcome.ALREADY, state)
        raise _moved(state) from None


def check_environment(env: str) -> None:
    """Raises EnvironmentNotServed or DbLayerOff where no flag of `env` can be flipped from here."""
    check_served(env)
    if env == settings.CONSOLE_ENV and not settings.FLAG_CONSOLE_FEATURE_FLAGS_DB:
        raise DbLayerOff(
            "The database layer is off (FLAG_CONSOLE_FEATURE_FLAGS_DB is not 1): "
            "a row would change nothing, so none was written. Until it is on, config vars decide."
        )


def check_served(env: str) -> None:
    """Raises EnvironmentNotServed where `env` is none of this console's."""
    if env not in settings.CONSOLE_ENVIRONMENTS:
        raise EnvironmentNotServed(f"This console may not change {env}.")


def _moved(state: FlagState) -> StateMoved:
    return StateMoved(
        f"It was changed meanwhile: it is {word(state.value)} in {state.env} now."
        " Nothing was changed by you.",
        state,
    )


def _write(
    state: FlagState, value: bool, actor: Actor, now: datetime, context: dict[str, str]
) -> Flip:
    """The audit row first, then the swap; a lost swap takes the audit row with it."""
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
        incident = context["incident"]
        break_glass.note(state, value, actor.user, change_id=change_id, incident=incident, now=now)
    row = _swap(state, value, actor, now, change_id)
    if state.row is None and _was_changed_after(entry, state.env):
        raise _LostRace
    transaction.on_commit(functools.partial(runtime.invalidate, state.env), robust=True)
    outcome = Outcome.PINNED if state.value == value else Outcome.FLIPPED
    return Flip(outcome, state.environment.state(state.key, row))


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
    """Change the row that was seen, or make the first one. Raises _LostRace.

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
            raise _LostRace from None
        return row
    swapped = FeatureFlag.objects.filter(
        pk=state.row.pk, change_id=state.row.change_id, value=state.row.value
    ).update(value=int(value), updated_at=now, updated_by=actor.user, change_id=change_id)
    if not swapped:
        raise _LostRace
    row.pk = state.row.pk
    return row
