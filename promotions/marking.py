"""`mark()`: staging's value enters the queue, and its soak begins (runbook section 3)."""

from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from audit.actor import Actor
from audit.services import audited
from flags.declarations import Risk
from flags.layers import Source, word
from flags.refusals import StateMoved
from flags.services import check_db_layer, check_served, pin
from flags.state import FlagState, read_state, read_states
from promotions import policy
from promotions.models import Promotion
from promotions.policy import Verb
from promotions.refusals import PromotionRefused
from promotions.settling import lock_staging, note, settle
from promotions.standing import PROD, STAGING, undeclared


def mark(key: str, *, actor: Actor, seen: str = "", now: datetime | None = None) -> Promotion:
    """Mark staging's value of flag `key` for prod: pinned if it has no row, and its soak begins.

    `seen` is the `FlagState.seen` of staging that the actor acted upon, where it is known. To pin
    changes no value, so it takes no elevation, whatever the risk.

    Raises, in this order: UndeclaredFlag; RoleForbidden; EnvironmentNotServed; DbLayerOff;
    StateMoved where staging's value is no longer the one that was seen; PromotionRefused.
    """
    read_state(key, STAGING)
    marker = policy.check_role(actor, Verb.MARK)
    settle(now or timezone.now(), flag_key=key)
    with audited():
        lock_staging(key)
        # Whoever held the lock may have changed the value: its soak begins once it stands.
        now = now or timezone.now()
        staging, prod = _markable(key, seen)
        if staging.source is not Source.DB:
            why = "pinned to be marked for prod"
            staging = pin(key, STAGING, actor=actor, seen=staging.seen, reason=why, now=now)
        risk = policy.stricter(staging.declaration.risk, prod.declaration.risk)
        promotion = _enter(staging, risk, marker, now)
        # The clock as it was started, in the log that nobody can rewrite.
        clock = {
            "soak_ends_at": promotion.soak_ends_at.isoformat(),
            "expires_at": promotion.expires_at.isoformat(),
            "staging_change": promotion.staging_change_id.hex,
        }
        note(promotion, "mark_promote", actor, now, context=clock)
    return promotion


def _markable(key: str, seen: str) -> tuple[FlagState, FlagState]:
    """The flag in staging and in prod, where it can be marked. Raises as `mark` does."""
    staging = read_state(key, STAGING)
    check_served(STAGING)
    check_db_layer()
    if Promotion.objects.open().filter(flag_key=key).exists():
        raise _already(key)
    if seen and staging.seen != seen:
        now = f"it is {word(staging.value)} in {STAGING} now"
        raise StateMoved(f"It was changed meanwhile: {now}. Nothing was marked.", staging)
    prod = read_states(PROD, [key]).get(key)
    refusal = why_not_mark(staging, prod)
    if refusal or prod is None:
        raise PromotionRefused(f"{refusal} Nothing was marked.")
    return staging, prod


def why_not_mark(staging: FlagState, prod: FlagState | None) -> str:
    """Why this value of staging cannot be marked for prod, as a sentence; "" if it can."""
    blocked = undeclared(staging.key, staging, prod)
    if blocked or prod is None:
        return blocked
    if prod.is_set_to(staging.value):
        return f"Prod has it {word(staging.value)} already, by a database row."
    if staging.source is not Source.DB and staging.environment.config_vars is None:
        return (
            f"The config vars of {STAGING} cannot be seen from this console, so its value of "
            f"{staging.key} is not known. Flip it there first."
        )
    if staging.source is Source.DB and not _version(staging):
        return f"Nobody knows since when {staging.key} has its value: reconcile it first."
    return ""


def _version(state: FlagState) -> UUID | None:
    return state.row.change_id if state.row else None


def _enter(staging: FlagState, risk: Risk, marker: User, now: datetime) -> Promotion:
    """The new row in the queue. Raises PromotionRefused where the flag has an open promotion."""
    soaks = timedelta(hours=staging.declaration.soak_period_hours)
    try:
        with transaction.atomic():
            return Promotion.objects.create(
                flag_key=staging.key,
                value=staging.value,
                four_eyes=policy.needs_four_eyes(risk),
                marked_by=marker,
                marked_at=now,
                soak_ends_at=now + soaks,
                expires_at=now + soaks + timedelta(hours=settings.PROMOTION_EXPIRY_HOURS),
                staging_change_id=cast(UUID, _version(staging)),
            )
    except IntegrityError:
        raise _already(staging.key) from None


def _already(key: str) -> PromotionRefused:
    return PromotionRefused(f"{key} has an open promotion already. Nothing was marked.")
