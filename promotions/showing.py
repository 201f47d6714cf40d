"""A promotion as pages draw it, for one operator at one moment."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, QuerySet

from audit.actor import Actor
from promotions import policy
from promotions.models import Promotion, State
from promotions.policy import Verb
from promotions.spans import brief
from promotions.standing import Standing, ending, stand


@dataclass(frozen=True, slots=True)
class Shown:
    """One promotion, and what this operator may do with it now."""

    standing: Standing
    actor: Actor
    now: datetime
    notice: str = ""
    refused: bool = False
    elevate_to: str = ""

    @property
    def promotion(self) -> Promotion:
        return self.standing.promotion

    @property
    def state(self) -> State:
        """What is so now: the database may not have been told of an ending yet."""
        return self.standing.state(self.now)

    @property
    def is_open(self) -> bool:
        return self.standing.is_open(self.now)

    @property
    def is_noted(self) -> bool:
        return self.state == self.promotion.state

    @property
    def soak_seconds(self) -> int:
        return max(
            1, round((self.promotion.soak_ends_at - self.promotion.marked_at).total_seconds())
        )

    @property
    def left_seconds(self) -> int:
        """Whole seconds of the soak that are left, rounded up."""
        return -int(-self.promotion.soak_left(self.now).total_seconds() // 1)

    @property
    def passed_seconds(self) -> int:
        return max(0, self.soak_seconds - self.left_seconds)

    @property
    def left(self) -> str:
        return brief(self.promotion.soak_left(self.now))

    @property
    def expires_in(self) -> str:
        return brief(self.promotion.expires_at - self.now)

    @property
    def is_soaking(self) -> bool:
        return self.is_open and self.left_seconds > 0

    @property
    def ending(self) -> str:
        return ending(self.standing, self.now)

    @property
    def obstacle(self) -> str:
        """Why nobody can promote it now; "" where somebody can."""
        return self.standing.obstacle(self.now)

    @property
    def waits_for_approval(self) -> bool:
        return self.promotion.four_eyes and self.state == State.PENDING

    @property
    def may_approve(self) -> bool:
        is_pending = self.is_open and self.promotion.state == State.PENDING
        return (
            is_pending
            and not self.standing.undeclared
            and policy.may_approve(self.actor, self.promotion)
        )

    @property
    def may_promote(self) -> bool:
        return policy.may(self.actor, Verb.PROMOTE) and not self.obstacle

    @property
    def may_select(self) -> bool:
        """Whether the queue has an action for this operator, and so a column of checkboxes."""
        return policy.may(self.actor, Verb.PROMOTE)

    @property
    def may_reject(self) -> bool:
        return self.is_open and policy.may(self.actor, Verb.REJECT)

    @property
    def needs_phrase(self) -> bool:
        return policy.needs_phrase(self.standing.risk)

    @property
    def phrase(self) -> str:
        return policy.phrase(self.promotion.flag_key)


def show(promotions: Collection[Promotion], actor: Actor, now: datetime) -> list[Shown]:
    """These promotions, in their order; read with `select_related` of the people."""
    return [Shown(standing, actor, now) for standing in stand(promotions)]


def latest_of(keys: Collection[str]) -> list[Promotion]:
    """The latest promotion of each of these flags, with one query."""
    ids = Promotion.objects.filter(flag_key__in=keys).values("flag_key").annotate(latest=Max("id"))
    return list(with_people().filter(pk__in=ids.values("latest")))


def with_people() -> QuerySet[Promotion]:
    """Promotions, read together with whoever took their steps."""
    people = ("marked_by", "approved_by", "promoted_by", "rejected_by")
    return Promotion.objects.select_related(*people)
