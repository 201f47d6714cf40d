"""`settle()`: what time, or a change of staging, made of open promotions (runbook section 3).

The system ends a promotion in the transaction of staging's flip where that is ours, and otherwise
when it is next touched: by a step, or by `promotion_expire` and `tick`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audit.actor import Actor, Channel
from audit.models import AuditEntry
from audit.services import audited, record
from flags.models import FeatureFlag
from promotions.models import OPEN, Promotion, State
from promotions.standing import STAGING, changed_by, stand

SYSTEM = Actor(Channel.SYSTEM, "system")


@dataclass(slots=True)
class Settled:
    """The promotions that were ended, by how."""

    expired: list[Promotion] = field(default_factory=list)
    rejected: list[Promotion] = field(default_factory=list)


def settle_all(now: datetime) -> Settled:
    """End every open promotion whose time is over or whose value changed on staging.

    Each in a transaction of its own; safe to run twice at once.
    """
    return _settle(Promotion.objects.open().order_by("id"), now)


def settle(pk: int, now: datetime) -> None:
    """The same for one promotion."""
    _settle(Promotion.objects.open().filter(pk=pk), now)


def settle_flag(key: str, now: datetime) -> None:
    """The same for the open promotion of one flag, if there is one."""
    _settle(Promotion.objects.open().filter(flag_key=key), now)


def _settle(promotions: Iterable[Promotion], now: datetime) -> Settled:
    done = Settled()
    for seen in stand(list(promotions)):
        if seen.is_open(now):
            continue
        with audited():
            lock_staging(seen.promotion.flag_key)
            # As it is behind the lock.
            (at,) = stand([Promotion.objects.get(pk=seen.promotion.pk)])
            if at.is_open(now) or not at.promotion.is_open:
                continue
            if at.state(now) == State.EXPIRED and _expire(at.promotion, now):
                done.expired.append(at.promotion)
            elif at.broken and _reject(at.promotion, at.broken, now):
                done.rejected.append(at.promotion)
    return done


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
        _reject(promotion, changed_by(entry), now)


def lock_staging(key: str) -> FeatureFlag | None:
    """Staging's row, which nobody else changes before this transaction ends.

    Whoever locks more than one thing has staging's row first, and the chain last. (On SQLite
    writing transactions come one at a time anyway.)
    """
    rows = FeatureFlag.objects.select_for_update().filter(flag_key=key, env=STAGING)
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
