"""Who may take which step of a promotion (runbook sections 3 and 5; the table in DESIGN, Roles)."""

from enum import StrEnum

from django.conf import settings

from accounts.models import User
from audit.actor import Actor
from flags import policy as flags_policy
from flags.declarations import Risk
from flags.refusals import RoleForbidden
from promotions.models import Promotion
from promotions.refusals import PhraseNeeded, SameEyes


class Verb(StrEnum):
    MARK = "mark"
    APPROVE = "approve"
    PROMOTE = "promote"
    REJECT = "reject"


def may(actor: Actor, verb: Verb) -> bool:
    """Whether the actor's role may take this step, elevation and four eyes aside."""
    user = actor.user
    return user is not None and user.is_active and user.has_perm(f"promotions.{verb}_promotion")


def check_role(actor: Actor, verb: Verb) -> User:
    """The person who takes this step. Raises RoleForbidden where their role may not."""
    if actor.user is None or not may(actor, verb):
        raise RoleForbidden(
            f"To {verb} takes the role superadmin: {actor.label} may not. Nothing was changed."
        )
    return actor.user


def stricter(one: Risk, other: Risk) -> Risk:
    """The higher of two risks: two releases may declare a flag differently."""
    return max(one, other, key=list(Risk).index)


def needs_four_eyes(risk: Risk) -> bool:
    """Whether a promotion that is marked now needs two people (PROMOTION_FOUR_EYES)."""
    asked: str = settings.PROMOTION_FOUR_EYES
    return asked == "all" or (asked == "high" and risk is Risk.HIGH)


def may_approve(actor: Actor, promotion: Promotion) -> bool:
    """Whether this very person may approve it."""
    own = actor.user is not None and actor.user.pk == promotion.marked_by_id
    return may(actor, Verb.APPROVE) and not (promotion.four_eyes and own)


def check_four_eyes(actor: Actor, promotion: Promotion) -> None:
    """Raises SameEyes where the approver would be the marker, and must not be."""
    if not may_approve(actor, promotion):
        raise SameEyes(
            "This promotion needs four eyes: whoever marked it does not approve it. "
            "Ask another superadmin. Nothing was changed."
        )


def phrase(key: str) -> str:
    """What is typed to promote a flag of high risk."""
    return f"promote {key} to prod"


def needs_phrase(risk: Risk) -> bool:
    return risk is Risk.HIGH


def check_proof(actor: Actor, risk: Risk, key: str, typed: str) -> None:
    """Raises ElevationRequired or PhraseNeeded where high risk asks for more than the role."""
    flags_policy.check_elevation(actor, risk)
    if needs_phrase(risk) and typed != phrase(key):
        raise PhraseNeeded(
            f"{key} is of high risk: type “{phrase(key)}”, exactly so. Nothing was changed."
        )
