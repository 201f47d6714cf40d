"""`settle()`: what time, or a change of staging, made of open promotions (runbook section 3).

The system ends a promotion in the transaction of staging's flip where that is ours, and otherwise
when it is next touched: by a step, or by `promotion_expire` and `tick`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import Error as DBError

from audit.actor import Actor, Channel
from audit.models import AuditEntry
from audit.services import audited, record
from flags.history import FLIP
from flags.models import FeatureFlag
from promotions.models import OPEN, Promotion, State
from promotions.standing import STAGING, SWITCHED_OFF, changed_by, stand

SYSTEM = Actor(Channel.SYSTEM, "system")


@dataclass(slots=True)
class Settled:
    """The promotions that were ended, by how; and those that wait for the next run.

    `held_up` are left alone because somebody else holds staging's row, in an open transaction of
    raw SQL perhaps; `failed` with what the database said.
    """

    expired: list[Promotion] = field(default_factory=list)
    rejected: list[Promotion] = field(default_factory=list)
    held_up: list[Promotion] = field(default_factory=list)
    failed: list[tuple[Promotion, DBError]] = field(default_factory=list)


def settle_all(now: datetime) -> Settled:
    """End every open promotion whose time is over or whose value changed on staging.

    Each in a transaction of its own, and one that cannot be ended holds up no other; safe to run
    twice at once. It ends those, too, whose value does not hold on staging because the database
    layer is off there, as staging's own deployment knows and the other one by what it reported.
    """
    done = Settled()
    for at in stand(list(Promotion.objects.open().order_by("id"))):
        if not at.is_open(now) or at.switched_off:
            try:
                _settle(at.promotion, now, done, is_sweep=True)
            except DBError as error:
                done.failed.append((at.promotion, error))
    return done


def settle(now: datetime, **which: Any) -> None:
    """The same, but for the database layer, of one open promotion: by `pk`, or by `flag_key`."""
    for at in stand(list(Promotion.objects.open().filter(**which))):
        if not at.is_open(now):
            _settle(at.promotion, now, Settled())


def _settle(promotion: Promotion, now: datetime, done: Settled, *, is_sweep: bool = False) -> None:
    with audited():
        row = lock_staging(promotion.flag_key, wait=not is_sweep)
        # As it is behind the lock.
        (at,) = stand([Promotion.objects.get(pk=promotion.pk)])
        if row is None and at.row is not None:
            done.held_up.append(promotion)
        elif at.state(now) == State.EXPIRED:
            if _expire(at.promotion, now):
                done.expired.append(at.promotion)
        elif at.broken or (is_sweep and at.switched_off):
            why = _what_broke(at.promotion) if at.broken else SWITCHED_OFF
            if _reject(at.promotion, why, now):
                done.rejected.append(at.promotion)


def after_flip(entry: AuditEntry) -> None:
    """End the open promotion of a flag that was flipped on staging, in the flip's transaction.

    `entry` is the flip's audit row; whoever flips holds staging's row.
    """
    if entry.payload["env"] != STAGING:
        return
    promotion = Promotion.objects.open().filter(flag_key=entry.target_id).first()
    if promotion is None:
        return
    now = entry.created_at
    if promotion.has_lapsed(now):
        _expire(promotion, now)
    else:
        _reject(promotion, _what_broke(promotion), now)


def _what_broke(promotion: Promotion) -> str:
    """The reason that the system gives: the first change of staging since the mark."""
    marked = AuditEntry.objects.filter(change_id=promotion.staging_change_id).first()
    changes = AuditEntry.objects.filter(
        target_type="feature_flag",
        target_id=promotion.flag_key,
        action=FLIP,
        payload__env=STAGING,
        change_id__isnull=False,
        pk__gt=marked.pk if marked else 0,
    )
    return changed_by(changes.order_by("id").first())


def lock_staging(key: str, *, wait: bool = True) -> FeatureFlag | None:
    """Staging's row, which nobody else changes before this transaction ends.

    None where there is none; without `wait` also where somebody else holds it.

    Whoever locks more than one thing has staging's row first, and the chain last. (On SQLite
    writing transactions come one at a time anyway.)
    """
    rows = FeatureFlag.objects.select_for_update(skip_locked=not wait).filter(
        flag_key=key, env=STAGING
    )
    return rows.first()


def swap(promotion: Promotion, to: State, *conditions: Any, **changes: Any) -> bool:
    """Move a promotion to the next state, if it is still in the one that was seen.

    A False: someone else moved it. `conditions` must hold, too.
    """
    same = Promotion.objects.filter(*conditions, pk=promotion.pk, state=promotion.state)
    if promotion.state not in OPEN or not same.update(state=to, **changes):
        return False
    for name, value in {"state": to, **changes}.items():
        setattr(promotion, name, value)
    return True


def note(
    promotion: Promotion,
    action: str,
    actor: Actor,
    now: datetime,
    *,
    context: Mapping[str, Any] | None = None,
    **more: str,
) -> AuditEntry:
    """The audit row of a promotion's step: ``console.flag.<action>``; `more` is for its payload."""
    return record(
        actor,
        f"console.flag.{action}",
        target_type="feature_flag",
        target_id=promotion.flag_key,
        payload={
            "flag": promotion.flag_key,
            "promotion": promotion.pk,
            "value": promotion.value,
            **more,
        },
        context=context,
        now=now,
    )


def _expire(promotion: Promotion, now: datetime) -> bool:
    if not swap(promotion, State.EXPIRED, expired_at=now):
        return False
    note(promotion, "expired", SYSTEM, now)
    return True


def _reject(promotion: Promotion, reason: str, now: datetime) -> bool:
    if not swap(promotion, State.REJECTED, rejected_at=now, reason=reason):
        return False
    note(promotion, "rejected", SYSTEM, now, reason=reason)
    return True
