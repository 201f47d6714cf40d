"""Marking or promoting many at once: the plan that the confirmation page shows, and its doing.

The page posts its plan back as one packed field, with what was seen of each flag, so each step is
checked again on its own, in a transaction of its own.
"""

import functools
import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from audit.actor import Actor
from flags.bulk import BulkResult, run
from flags.declarations import Risk, is_key
from flags.layers import word
from flags.services import is_seen_token
from flags.state import FlagState, read_states
from promotions.marking import mark, why_not_mark
from promotions.models import OPEN, Promotion
from promotions.policy import Verb
from promotions.refusals import PromotionRefused
from promotions.services import promote
from promotions.showing import Shown, show, with_people
from promotions.spans import brief
from promotions.standing import PROD


@dataclass(frozen=True, slots=True)
class Planned:
    """What will happen to one flag, in words, or why nothing will."""

    key: str
    risk: Risk | None
    words: str = ""
    refusal: str = ""
    promotion: int | None = None
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Packed:
    """A plan as it travels through the form: flag key, promotion and `seen` of each step."""

    verb: Verb
    steps: list[tuple[str, int | None, str]]


def plan_marks(states: Collection[FlagState]) -> list[Planned]:
    """What marking these flags of staging would do. Writes nothing."""
    prod = read_states(PROD, [state.key for state in states])
    keys = [state.key for state in states]
    open_ones = Promotion.objects.open().filter(flag_key__in=keys)
    has_open = set(open_ones.values_list("flag_key", flat=True))
    return [_plan_mark(state, prod.get(state.key), state.key in has_open) for state in states]


def _plan_mark(staging: FlagState, prod: FlagState | None, has_open: bool) -> Planned:
    soak = staging.declaration.soak_period_hours
    planned = functools.partial(Planned, staging.key, staging.declaration.risk)
    refusal = why_not_mark(staging, prod)
    if has_open and not refusal:
        refusal = "It has an open promotion already."
    if refusal:
        return planned(refusal=refusal)
    pinned = "" if staging.row else f", pinned by a DB row (now from {staging.source})"
    words = f"{word(staging.value)} for prod, soak {soak:g} h{pinned}"
    return planned(words=words, seen=staging.seen)


def plan_flags(keys: Collection[str], actor: Actor, now: datetime) -> list[Planned]:
    """What promoting the open promotions of these flags would do. Writes nothing."""
    found = with_people().filter(state__in=OPEN, flag_key__in=keys)
    shown = {each.promotion.flag_key: each for each in show(list(found), actor, now)}
    none = "It has no open promotion."
    return [
        _plan_promotion(shown[key]) if key in shown else Planned(key, None, refusal=none)
        for key in keys
    ]


def plan_promotions(chosen: Iterable[Shown]) -> list[Planned]:
    """What promoting these very promotions would do. Writes nothing."""
    return [_plan_promotion(shown) for shown in chosen]


def _plan_promotion(shown: Shown) -> Planned:
    risk = shown.standing.risk if shown.is_open else None
    planned = functools.partial(Planned, shown.promotion.flag_key, risk)
    prod = shown.standing.prod
    if shown.obstacle or prod is None:
        return planned(refusal=shown.obstacle)
    if shown.needs_phrase:
        page = "promote it on its own page, with its phrase."
        return planned(refusal=f"High risk is not promoted with others: {page}")
    words = f"{word(prod.value)} → {word(shown.promotion.value)} in prod"
    if prod.value == shown.promotion.value:
        words = f"stays {word(prod.value)} in prod, pinned by a DB row (now from {prod.source})"
    by = shown.promotion.approved_by
    approval = f"approved by {by}" if by else "approved by this very click"
    return planned(
        words=f"{words}; {_soaked(shown.promotion)}, {approval}",
        promotion=shown.promotion.pk,
        seen=prod.seen,
    )


def _soaked(promotion: Promotion) -> str:
    soak = promotion.soak_ends_at - promotion.marked_at
    return f"soaked {brief(soak)}" if soak else "no soak"


def pack(verb: Verb, planned: Iterable[Planned]) -> str:
    """The steps that a plan would take, as one form field."""
    steps = [(each.key, each.promotion, each.seen) for each in planned if not each.refusal]
    return json.dumps({"verb": verb, "steps": steps}, separators=(",", ":"))


def unpack(text: str) -> Packed:
    """The reverse of `pack`. Raises ValueError for anything that `pack` did not write."""
    try:
        data = json.loads(text)
        packed = Packed(Verb(data["verb"]), [(key, pk, seen) for key, pk, seen in data["steps"]])
        is_sound = all(
            is_key(key) and is_seen_token(seen) and _is_promotion(packed.verb, pk)
            for key, pk, seen in packed.steps
        )
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError("not a packed plan") from error
    if not is_sound or packed.verb not in (Verb.MARK, Verb.PROMOTE):
        raise ValueError("not a packed plan")
    return packed


def _is_promotion(verb: Verb, pk: object) -> bool:
    return pk is None if verb is Verb.MARK else type(pk) is int and 0 < pk < 2**63


def apply(packed: Packed, actor: Actor) -> BulkResult:
    """Take each step in a transaction of its own: one that is refused holds up no other."""
    return run([(key, _step(packed.verb, key, pk, seen, actor)) for key, pk, seen in packed.steps])


def _step(verb: Verb, key: str, pk: int | None, seen: str, actor: Actor) -> Callable[[], bool]:
    def act() -> bool:
        try:
            if pk is None:
                mark(key, actor=actor, seen=seen)
            else:
                promote(pk, actor=actor, seen=seen)
        except Promotion.DoesNotExist:
            raise PromotionRefused(f"There is no promotion {pk}.") from None
        return True

    return act
