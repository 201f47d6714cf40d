"""docs/architecture/console-flag-promotion-flow.md says of promotions what the code does."""

import re
from contextlib import suppress
from itertools import product

from django.conf import settings
from django.db import transaction

from audit.actor import Actor
from flags.refusals import FlipRefused
from promotions import refusals
from promotions.marking import mark
from promotions.models import State
from promotions.refusals import PromotionRefused
from promotions.services import approve, promote, reject
from promotions.settling import settle_all
from tests.promotions.conftest import LOW, START, hours, marked, turn

PAGE = (settings.BASE_DIR / "docs/architecture/console-flag-promotion-flow.md").read_text()
DUE, OVER = START + hours(24), START + hours(24 + 168)
ACTS = {
    "nothing": lambda pk, actor: None,
    "mark": lambda pk, actor: mark(LOW, actor=actor, now=DUE),
    "approve": lambda pk, actor: approve(pk, actor=actor, now=DUE),
    "promote": lambda pk, actor: promote(pk, actor=actor, now=DUE),
    "reject": lambda pk, actor: reject(pk, actor=actor, reason="a test", now=DUE),
    "staging": lambda pk, actor: turn(LOW, "staging", False, actor, DUE),
    "time": lambda pk, actor: settle_all(OVER),
}
# How a promotion comes to be in each state.
REACHED = {
    State.PENDING: "nothing",
    State.APPROVED: "approve",
    State.PROMOTED: "promote",
    State.REJECTED: "reject",
    State.EXPIRED: "time",
}


def moves(actor: Actor) -> set[tuple[str, str]]:
    """From which state to which one an act moves a promotion, whatever is tried."""
    found = set()
    for state, act in product(State, ACTS):
        with transaction.atomic():
            promotion = marked(actor)
            ACTS[REACHED[state]](promotion.pk, actor)
            with suppress(PromotionRefused):
                ACTS[act](promotion.pk, actor)
            promotion.refresh_from_db()
            found |= {(state.value, promotion.state)}
            transaction.set_rollback(True)
    return {(before, after) for before, after in found if before != after}


def test_the_diagram_has_every_transition_and_no_other(alice):
    drawn = re.findall(r"^    (\S+) --> ([^\s:]+)", PAGE, re.MULTILINE)
    allowed = moves(alice)
    ends = set(State.values) - {before for before, _ in allowed}
    beginning = {("[*]", State.PENDING.value)}
    assert sorted(drawn) == sorted(beginning | allowed | {(state, "[*]") for state in ends})


def test_each_refusal_has_the_status_of_its_class():
    told = re.findall(r"^\| (\d+) \| .* \| `(\w+)` \|$", PAGE, re.MULTILINE)
    classes = {cls.__name__: cls for cls in every_kind_of(FlipRefused)}
    assert {(int(status), name) for status, name in told} == {
        (classes[name].status, name) for _, name in told
    }
    ours = {name for name, cls in classes.items() if cls.__module__ == refusals.__name__}
    assert ours <= {name for _, name in told}


def every_kind_of(cls: type) -> list[type]:
    return [each for sub in cls.__subclasses__() for each in (sub, *every_kind_of(sub))]
