"""Approve, promote, reject: what becomes of a promotion by people (runbook section 3).

`promotions.marking` is how it begins, `promotions.settling` how the system ends it.
"""

from dataclasses import replace
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from audit.actor import Actor, Channel
from audit.services import audited
from flags import policy as flags_policy
from flags.declarations import is_storable
from flags.layers import word
from flags.refusals import StateMoved
from flags.services import Outcome, flip
from flags.state import FlagState
from promotions import policy
from promotions.models import MAX_REASON_LENGTH, Promotion, State
from promotions.policy import Verb
from promotions.refusals import PromotionRefused, ReasonNeeded
from promotions.settling import lock_staging, note, settle, swap
from promotions.standing import PROD, Standing, ending, stand


def approve(pk: int, *, actor: Actor, now: datetime | None = None) -> Promotion:
    """Approve a pending promotion, any time before it expires.

    Raises, in this order: Promotion.DoesNotExist; RoleForbidden; PromotionRefused; SameEyes.
    """
    now = now or timezone.now()
    _check_may(pk, actor, Verb.APPROVE, now)
    with audited():
        at = _open(pk, now)
        promotion = at.promotion
        if promotion.state != State.PENDING:
            raise PromotionRefused(f"It is {promotion.state} already. Nothing was changed.")
        if at.undeclared:
            raise PromotionRefused(f"{at.undeclared} Nothing was changed.")
        policy.check_four_eyes(actor, promotion)
        _approve(promotion, actor, now)
    return promotion


def _approve(promotion: Promotion, actor: Actor, now: datetime) -> None:
    by = {"approved_by": actor.user, "approved_at": now}
    if not swap(promotion, State.APPROVED, Q(expires_at__gt=now), **by):
        raise _moved(promotion, now)
    note(promotion, "approved", actor, now)


def promote(
    pk: int,
    *,
    actor: Actor,
    confirm: str = "",
    seen: str = "",
    now: datetime | None = None,
) -> Promotion:
    """Bring a promotion's value to prod: promotion, prod's row and all audit rows, or nothing.

    A pending one is approved by the same act, unless it needs four eyes. `confirm` is the typed
    phrase that high risk takes; `seen` the `FlagState.seen` of prod that the actor acted upon,
    where it is known. Risk is what is declared now.

    Raises, in this order: Promotion.DoesNotExist; RoleForbidden; PromotionRefused (ended, soak not
    over, not approved, not declared, prod has it or cannot be changed from here); StateMoved
    (prod's value changed); ElevationRequired; PhraseNeeded.
    """
    now = now or timezone.now()
    _check_may(pk, actor, Verb.PROMOTE, now)
    with audited():
        at = _open(pk, now)
        promotion, prod = at.promotion, at.prod
        obstacle = at.obstacle(now)
        if obstacle or prod is None:
            raise PromotionRefused(f"{obstacle} Nothing was changed.")
        if seen and prod.seen != seen:
            raise StateMoved(
                f"It was changed meanwhile: it is {word(prod.value)} in {PROD} now. "
                "Nothing was promoted.",
                prod,
            )
        policy.check_proof(actor, at.risk, promotion.flag_key, confirm)
        if promotion.state == State.PENDING:
            _approve(promotion, actor, now)
        _promote(promotion, prod, actor, now)
        # The swaps may have waited for another one's.
        flags_policy.check_elevation(actor, at.risk, afresh=True)
    return promotion


def _promote(promotion: Promotion, prod: FlagState, actor: Actor, now: datetime) -> None:
    """The flip, and then the promotion's own swap, with the soak in it."""
    by = replace(
        actor, channel=Channel.PROMOTION, context={**actor.context, "promotion": promotion.pk}
    )
    done = flip(prod.key, PROD, promotion.value, actor=by, seen=prod.seen, now=now)
    if done.outcome is Outcome.ALREADY:
        raise PromotionRefused("It was changed in prod meanwhile. Nothing was promoted.")
    soaked = Q(soak_ends_at__lte=now, expires_at__gt=now)
    row = done.state.row
    changes = {
        "promoted_by": actor.user,
        "promoted_at": now,
        "prod_change_id": row.change_id if row else None,
    }
    if not swap(promotion, State.PROMOTED, soaked, **changes):
        raise _moved(promotion, now)
    note(promotion, "promoted", actor, now)


def reject(pk: int, *, actor: Actor, reason: str, now: datetime | None = None) -> Promotion:
    """Reject an open promotion, for a reason that the log keeps.

    Raises, in this order: Promotion.DoesNotExist; ReasonNeeded; RoleForbidden; PromotionRefused.
    """
    now = now or timezone.now()
    Promotion.objects.get(pk=pk)
    why = told_reason(reason)
    _check_may(pk, actor, Verb.REJECT, now)
    with audited():
        promotion = _open(pk, now).promotion
        by = {"rejected_by": actor.user, "rejected_at": now, "reason": why}
        if not swap(promotion, State.REJECTED, Q(expires_at__gt=now), **by):
            raise _moved(promotion, now)
        note(promotion, "rejected", actor, now, reason=why)
    return promotion


def told_reason(reason: str) -> str:
    """The reason as the log keeps it, blanks single. Raises ReasonNeeded."""
    why = " ".join(reason.split())
    if not why:
        raise ReasonNeeded("Say why: the audit log keeps it. Nothing was changed.")
    if len(why) > MAX_REASON_LENGTH or not is_storable(why):
        raise ReasonNeeded(
            f"The reason is longer than {MAX_REASON_LENGTH} characters, or has a control "
            "character. Nothing was changed."
        )
    return why


def _check_may(pk: int, actor: Actor, verb: Verb, now: datetime) -> None:
    """What comes before a step: the promotion exists, the role may take it, and whatever time or
    staging made of the promotion is written down."""
    Promotion.objects.get(pk=pk)
    policy.check_role(actor, verb)
    settle(now, pk=pk)


def _open(pk: int, now: datetime) -> Standing:
    """The promotion, with staging's row locked. Raises PromotionRefused where it is not open."""
    lock_staging(Promotion.objects.get(pk=pk).flag_key)
    # Only behind the lock is it as it stays.
    (at,) = stand([_read(pk)])
    if not at.is_open(now):
        raise PromotionRefused(f"It {ending(at, now)}. Nothing was changed.")
    return at


def _moved(promotion: Promotion, now: datetime) -> PromotionRefused:
    (at,) = stand([_read(promotion.pk)])
    told = f"is {promotion.state}" if at.is_open(now) else ending(at, now)
    return PromotionRefused(f"It was moved on meanwhile: it {told}. Nothing was changed.")


def _read(pk: int) -> Promotion:
    return Promotion.objects.select_related("promoted_by", "rejected_by").get(pk=pk)
