"""How a promotion stands: its row, staging's and prod's, as the database has them now."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from audit.ages import age
from audit.models import AuditEntry
from audit.sentences import sentence
from flags.declarations import Risk
from flags.history import answers_for
from flags.layers import word
from flags.models import Env, FeatureFlag
from flags.state import FlagState, read_states
from promotions import policy
from promotions.models import Promotion, State
from promotions.spans import brief

STAGING, PROD = Env.STAGING.value, Env.PROD.value
SWITCHED_OFF = "staging changed: its database layer was turned off, and the row had no effect there"


@dataclass(frozen=True, slots=True)
class Standing:
    """A promotion and what it depends on.

    `staging` and `prod` are None where that environment's release does not declare the flag.
    `row` is staging's row, declared or not; `broken` says what happened to it since the mark, ""
    while it holds. All of these are looked up for open promotions alone.
    """

    promotion: Promotion
    staging: FlagState | None = None
    prod: FlagState | None = None
    row: FeatureFlag | None = None
    broken: str = ""

    def state(self, now: datetime) -> State:
        """The state, whether the database was told of it already or not."""
        if self.promotion.has_lapsed(now):
            return State.EXPIRED
        return State.REJECTED if self.broken else State(self.promotion.state)

    def is_open(self, now: datetime) -> bool:
        return self.promotion.is_open and not self.broken and not self.promotion.has_lapsed(now)

    @property
    def switched_off(self) -> bool:
        """Whether staging, as far as that is known here, does without the row, and has another
        value so."""
        at = self.staging
        if at is None or at.environment.db_layer:
            return False
        return at.value != self.promotion.value

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
        return self.undeclared or self._prod_obstacle()

    @property
    def undeclared(self) -> str:
        """Why an open promotion of a flag that one of the releases does not know is blocked."""
        missing = undeclared(self.promotion.flag_key, self.staging, self.prod)
        return f"{missing} Declare it again, or reject this promotion." if missing else ""

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
        if prod and not prod.environment.db_layer:
            return f"The database layer is off in {PROD}, as its console reported."
        return ""


def undeclared(key: str, staging: FlagState | None, prod: FlagState | None) -> str:
    """Which of the releases does not know the flag, as a sentence; "" if both know it."""
    for env, state in ((STAGING, staging), (PROD, prod)):
        if state is None:
            return f"{key} is not declared in {env}: the release there does not know it."
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
    """How these promotions stand, in their order: at most six queries, however many they are."""
    keys = {promotion.flag_key for promotion in promotions if promotion.is_open}
    if not keys:
        return [Standing(promotion) for promotion in promotions]
    staging, prod = read_states(STAGING, keys), read_states(PROD, keys)
    rows = {key: state.row for key, state in staging.items()}
    if keys - rows.keys():
        # A row stays when its declaration goes.
        lost = FeatureFlag.objects.filter(env=STAGING, flag_key__in=keys - rows.keys())
        rows |= {row.flag_key: row for row in lost}
    breaks = _breaks([each for each in promotions if each.is_open], rows)
    return [
        Standing(
            promotion,
            staging.get(promotion.flag_key),
            prod.get(promotion.flag_key),
            rows.get(promotion.flag_key),
            breaks.get(promotion.pk, ""),
        )
        if promotion.is_open
        else Standing(promotion)
        for promotion in promotions
    ]


def _breaks(
    promotions: Collection[Promotion], rows: Mapping[str, FeatureFlag | None]
) -> dict[int, str]:
    """What happened to staging's values since these were marked, where they do not hold.

    The version tells, so off and on again breaks it too. To reconcile a value, which gives its row
    a fresh version, is not to change it.
    """
    moved = [each for each in promotions if not _is_as_marked(each, rows.get(each.flag_key))]
    versions = {row.change_id for each in moved if (row := rows.get(each.flag_key))}
    entries = (
        {entry.change_id: entry for entry in AuditEntry.objects.filter(change_id__in=versions)}
        if versions
        else {}
    )
    found = {}
    for promotion in moved:
        row = rows.get(promotion.flag_key)
        entry = entries.get(row.change_id) if row else None
        is_same = row is not None and bool(row.value) == promotion.value
        if not (is_same and answers_for(entry, promotion.staging_change_id)):
            gone = "staging changed: its row was removed"
            found[promotion.pk] = changed_by(entry) if row else gone
    return found


def _is_as_marked(promotion: Promotion, row: FeatureFlag | None) -> bool:
    return (
        row is not None
        and row.change_id == promotion.staging_change_id
        and bool(row.value) == promotion.value
    )


def changed_by(entry: AuditEntry | None) -> str:
    """Why the system rejects a promotion, from the audit row of a change of staging."""
    return f"staging changed: {sentence(entry)}" if entry else "staging changed"
