"""From the mark on staging to the row in prod: all of it in one transaction, or nothing."""

from dataclasses import replace

import pytest

from audit.models import AuditEntry
from flags.models import FeatureFlag
from flags.refusals import ElevationRequired, RoleForbidden, StateMoved
from flags.state import read_state
from promotions.models import Promotion, State
from promotions.refusals import PhraseNeeded, PromotionRefused
from promotions.services import approve, promote
from promotions.standing import Standing
from tests.conftest import console_actor
from tests.pages import nothing_written
from tests.promotions.conftest import HIGH, LOW, START, hours, marked, story, turn

DUE = START + hours(24)
MARKED = [
    ("flip", "console", "alice"),
    ("mark_promote", "console", "alice"),
]


def test_a_pending_one_is_approved_and_promoted_by_one_click(alice, erin):
    promotion = promote(marked(alice).pk, actor=erin, now=DUE)
    promotion.refresh_from_db()
    row = FeatureFlag.objects.get(env="prod")
    assert (promotion.state, promotion.approved_by, promotion.promoted_by) == (
        State.PROMOTED,
        erin.user,
        erin.user,
    )
    assert (row.value, row.updated_at, row.updated_by) == (1, DUE, erin.user)
    assert row.change_id == promotion.prod_change_id
    assert story() == [
        *MARKED,
        ("approved", "console", "erin"),
        ("flip", "promotion", "erin"),
        ("promoted", "console", "erin"),
    ]
    flipped = AuditEntry.objects.get(change_id=promotion.prod_change_id)
    assert flipped.payload == {"flag": LOW, "env": "prod", "from": False, "to": True}
    assert flipped.context["promotion"] == promotion.pk
    told = AuditEntry.objects.get(action="console.flag.promoted")
    assert told.payload == {"flag": LOW, "promotion": promotion.pk, "value": True}


def test_staging_is_left_alone(alice):
    promotion = marked(alice)
    before = FeatureFlag.objects.filter(env="staging").values().get()
    promote(promotion.pk, actor=alice, now=DUE)
    assert FeatureFlag.objects.filter(env="staging").values().get() == before


def test_an_approved_one_keeps_its_approver(alice, erin):
    promotion = approve(marked(alice).pk, actor=erin, now=START)
    promoted = promote(promotion.pk, actor=alice, now=DUE)
    promoted.refresh_from_db()
    assert (promoted.approved_by, promoted.promoted_by) == (erin.user, alice.user)
    assert [action for action, *_ in story()].count("approved") == 1


@pytest.mark.parametrize(
    ("when", "why"),
    [
        (START, "soak is not over: 24 h left"),
        (DUE - hours(1) / 3600, "soak is not over: 1 s left"),
        (DUE + hours(168), "expired"),
    ],
)
def test_it_is_promoted_between_the_soak_and_the_expiry(alice, when, why):
    promotion = marked(alice)
    with pytest.raises(PromotionRefused, match=why):
        promote(promotion.pk, actor=alice, now=when)
    assert not FeatureFlag.objects.filter(env="prod").exists()


def test_a_promotion_is_promoted_once(alice):
    promotion = promote(marked(alice).pk, actor=alice, now=DUE)
    with nothing_written(), pytest.raises(PromotionRefused, match="was promoted by alice"):
        promote(promotion.pk, actor=alice, now=DUE)


@pytest.mark.parametrize("who", ["ops", "support"])
def test_other_roles_may_not(alice, who, request):
    actor = console_actor(request.getfixturevalue(who))
    promotion = marked(alice)
    with nothing_written(), pytest.raises(RoleForbidden):
        promote(promotion.pk, actor=actor, now=DUE)


def test_prods_value_moved_since_the_page_was_drawn(alice):
    promotion = marked(alice)
    seen = read_state(LOW, "prod").seen
    turn(LOW, "prod", False, alice)
    with nothing_written(), pytest.raises(StateMoved, match="it is off in prod now"):
        promote(promotion.pk, actor=alice, seen=seen, now=DUE)


@pytest.mark.parametrize("when", [DUE - hours(1), DUE + hours(168)], ids=["soaking", "expired"])
@pytest.mark.parametrize("approved", [False, True])
def test_the_swap_itself_looks_at_the_clock(alice, monkeypatch, when, approved):
    promotion = marked(alice)
    if approved:
        approve(promotion.pk, actor=alice, now=START)
    monkeypatch.setattr(Standing, "obstacle", lambda self, now: "")
    monkeypatch.setattr(Standing, "is_open", lambda self, now: True)
    with nothing_written(), pytest.raises(PromotionRefused, match="moved on meanwhile"):
        promote(promotion.pk, actor=alice, now=when)


def test_prod_has_the_value_already(alice):
    promotion = marked(alice)
    turn(LOW, "prod", True, alice)
    with nothing_written(), pytest.raises(PromotionRefused, match="is on in prod already"):
        promote(promotion.pk, actor=alice, now=DUE)


class TestHighRisk:
    WHEN = START + hours(72)
    PHRASE = f"promote {HIGH} to prod"

    @pytest.fixture
    def elevated(self, alice):
        return replace(alice, elevated=True)

    @pytest.fixture
    def promotion(self, elevated) -> Promotion:
        return marked(elevated, HIGH)

    def test_elevated_and_with_the_phrase(self, promotion, elevated):
        promote(promotion.pk, actor=elevated, confirm=self.PHRASE, now=self.WHEN)
        assert FeatureFlag.objects.get(env="prod").value == 1

    def test_elevation_comes_first(self, promotion, alice):
        for typed in ("", self.PHRASE):
            with nothing_written(), pytest.raises(ElevationRequired):
                promote(promotion.pk, actor=alice, confirm=typed, now=self.WHEN)

    @pytest.mark.parametrize("typed", ["", PHRASE.upper(), f"{PHRASE} ", f" {PHRASE}", "promote"])
    def test_the_phrase_is_compared_exactly(self, promotion, elevated, typed):
        with nothing_written(), pytest.raises(PhraseNeeded, match=self.PHRASE):
            promote(promotion.pk, actor=elevated, confirm=typed, now=self.WHEN)
