"""What promotions add to the flags page and to each flag's page, and to a flip on staging."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.utils import timezone

from audit.actor import Actor
from audit.models import AuditEntry
from flags.slots import Companion, Part
from flags.state import FlagState, read_states
from promotions import policy, settling
from promotions.marking import why_not_mark
from promotions.models import OPEN, Promotion
from promotions.policy import Verb
from promotions.showing import Shown, latest_of, show, with_people
from promotions.standing import PROD, STAGING

EARLIER = 10
"""So many of a flag's promotions its page lists."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A flag's promotion in its row: the latest one, and on staging whether it can be marked."""

    state: FlagState
    latest: Shown | None
    may_mark: bool = False
    not_marked: str = ""
    """Why this operator, who may mark, cannot mark it now."""

    @property
    def is_prod(self) -> bool:
        return self.state.env == PROD


class Promotions(Companion):
    def cells(self, states: Collection[FlagState], actor: Actor) -> Mapping[str, Part]:
        cells = _cells(states, actor)
        return {cell.state.key: Part("promotions/_cell.html", cell) for cell in cells}

    def section(self, state: FlagState, actor: Actor) -> Part:
        recent = with_people().filter(flag_key=state.key).order_by("-id")[: EARLIER + 1]
        shown = show(list(recent), actor, timezone.now())
        (cell,) = _cells([state], actor)
        content = {"cell": cell, "promotions": shown[:EARLIER], "more": shown[EARLIER:]}
        return Part("promotions/_section.html", content)

    def busy(self, keys: Collection[str]) -> set[str]:
        """Flags with an open promotion: a change of staging's row would reject it."""
        open_ones = Promotion.objects.filter(state__in=OPEN).values_list("flag_key", flat=True)
        return set(open_ones) & set(keys)

    def flipped(self, entry: AuditEntry) -> None:
        settling.after_flip(entry)


def _cells(states: Collection[FlagState], actor: Actor) -> list[Cell]:
    shown = show(latest_of([state.key for state in states]), actor, timezone.now())
    latest = {each.promotion.flag_key: each for each in shown}
    env = next((state.env for state in states), "")
    if env != STAGING or not policy.may(actor, Verb.MARK):
        return [Cell(state, latest.get(state.key)) for state in states]
    prod = read_states(PROD, [state.key for state in states])
    return [_with_mark(state, latest.get(state.key), prod.get(state.key)) for state in states]


def _with_mark(staging: FlagState, latest: Shown | None, prod: FlagState | None) -> Cell:
    """A row of staging, for somebody who may mark it."""
    if latest and latest.is_open:
        return Cell(staging, latest)
    why_not = why_not_mark(staging, prod)
    if not staging.environment.db_layer:
        return Cell(staging, latest)
    return Cell(staging, latest, may_mark=not why_not, not_marked=why_not)
