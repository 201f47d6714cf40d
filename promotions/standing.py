"""How a promotion stands: its row, staging's and prod's, as the database has them now."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from audit.ages import age
from audit.models import AuditEntry
from audit.sentences import sentence
from flags.declarations import Risk
from flags.errors import UndeclaredFlag
from flags.history import answers_for
from flags.layers import word
from flags.models import Env, FeatureFlag
from flags.state import FlagState, read_states
from promotions import policy
from promotions.models import Promotion, State
from promotions.spans import brief

STAGING, PROD = Env.STAGING.value, Env.PROD.value


@dataclass(frozen=True, slots=True)
class Standing:
    """A promotion and what it depends on.

    `staging` and `prod` are None where that environment's release does not declare the flag.
    `broken` says what happened to staging's value since the mark; "" while it holds. All three are
    looked up for open promotions alone.
    """

    promotion: Promotion
    staging: FlagState | None = None
    prod: FlagState | None = None
    broken: str = ""

    def state(self, now: datetime) -> State:
        """The state, whether the database was told of it already or not."""
        if self.promotion.has_lapsed(now):
            return State.EXPIRED
        return State.REJECTED if self.broken else State(self.promotion.state)

    def is_open(self, now: datetime) -> bool:
        return self.promotion.is_open and not self.broken and not self.promotion.has_lapsed(now)

    @property
    def risk(self) -> Risk:
        """The risk as declared now: the stricter of the two releases' words."""
        declared = [state.declaration.risk for state in (self.staging, self.prod) if state]
        return policy.stricter(declared[0], declared[-1]) if declared else Risk.HIGH

    def obstacle(self, now: datetime) -> str:
        """Why nobody can promote it now, as a sentence; "" where it can be promoted."""
        promotion, left = self.promotion, self.promotion.soak_left(now)
        if not self.is_open(now):
            return f"It {ending(self, now)}."
        if left:
            return f"The soak is not over: {brief(left)} left."
        if promotion.four_eyes and promotion.state == State.PENDING:
            return "It needs four eyes: another superadmin than the one who marked it approves it."
        return undeclared(promotion.flag_key, self.staging, self.prod) or self._prod_obstacle()

    def _prod_obstacle(self) -> str:
        promotion, prod = self.promotion, self.prod
        if prod and prod.is_set_to(promotion.value):
            return (
                f"{promotion.flag_key} is {word(promotion.value)} in prod already: "
                "reject this promotion."
            )
        if PROD not in settings.CONSOLE_ENVIRONMENTS:
            return f"This console does not change {PROD}: promote it on {PROD}'s own console."
        if not settings.FLAG_CONSOLE_FEATURE_FLAGS_DB:
            return "The database layer is off here (FLAG_CONSOLE_FEATURE_FLAGS_DB is not 1)."
        return ""


def undeclared(key: str, staging: FlagState | None, prod: FlagState | None) -> str:
    """Why a flag that one of the releases does not know stays where it is; "" if both know it."""
    for env, state in ((STAGING, staging), (PROD, prod)):
        if state is None:
            return f"{UndeclaredFlag(key, env)} Its release does not know the flag."
    return ""


def ending(standing: Standing, now: datetime) -> str:
    """How an ended promotion ended, such as "was promoted by alice, 2 min ago"."""
    promotion, state = standing.promotion, standing.state(now)
    if state == State.EXPIRED:
        return f"expired, {age(promotion.expires_at)}"
    if state == State.PROMOTED and promotion.promoted_at:
        return f"was promoted by {promotion.promoted_by}, {age(promotion.promoted_at)}"
    if promotion.rejected_at:
        who = promotion.rejected_by or "the system"
        return f"was rejected by {who}, {age(promotion.rejected_at)}: {promotion.reason}"
    return f"was rejected by the system: {standing.broken}"


def stand(promotions: Collection[Promotion]) -> list[Standing]:
    """How these promotions stand, in their order: at most five queries, however many they are."""
    keys = {promotion.flag_key for promotion in promotions if promotion.is_open}
    if not keys:
        return [Standing(promotion) for promotion in promotions]
    staging, prod = read_states(STAGING, keys), read_states(PROD, keys)
    rows = {key: state.row for key, state in staging.items()}
    if keys - rows.keys():
        # A row stays when its declaration goes.
        lost = FeatureFlag.objects.filter(env=STAGING, flag_key__in=keys - rows.keys())
        rows |= {row.flag_key: row for row in lost}
    return [
        Standing(
            promotion,
            staging.get(promotion.flag_key),
            prod.get(promotion.flag_key),
            what_broke(promotion, rows.get(promotion.flag_key)),
        )
        if promotion.is_open
        else Standing(promotion)
        for promotion in promotions
    ]


def what_broke(promotion: Promotion, row: FeatureFlag | None) -> str:
    """What happened to staging's value since an open promotion was marked; "" while it holds.

    The version tells, so off and on again breaks it too. To reconcile a value, which gives its row
    a fresh version, is not to change it.
    """
    if row is None:
        return "staging changed: the row was removed outside the console"
    holds = bool(row.value) == promotion.value and (
        row.change_id == promotion.staging_change_id
        or answers_for(row, promotion.staging_change_id)
    )
    return "" if holds else changed_by(AuditEntry.objects.filter(change_id=row.change_id).first())


def changed_by(entry: AuditEntry | None) -> str:
    """The reason that the system gives for a rejection, from the audit row of staging's change."""
    return f"staging changed: {sentence(entry)}" if entry else "staging changed"
