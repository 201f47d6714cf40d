"""Marking: the value is pinned, its version noted, the clock started; or it is refused."""

from datetime import timedelta

import pytest

from audit.models import AuditEntry
from flags.errors import UndeclaredFlag
from flags.models import DeclaredFlag, FeatureFlag
from flags.refusals import DbLayerOff, EnvironmentNotServed, RoleForbidden, StateMoved
from flags.state import read_state
from promotions.marking import mark
from promotions.models import Promotion, State
from promotions.refusals import PromotionRefused
from promotions.services import reject
from tests.conftest import console_actor
from tests.flags.outside import raw_insert, without_triggers
from tests.pages import HIGH, LOW, nothing_written
from tests.promotions.conftest import START, hours, marked, story, turn


def test_it_notes_version_soak_and_expiry(alice):
    staging = turn(LOW, "staging", True, alice, START - hours(1)).row
    promotion = mark(LOW, actor=alice, now=START)
    promotion.refresh_from_db()
    assert (promotion.state, promotion.value, promotion.four_eyes) == (State.PENDING, True, False)
    assert promotion.staging_change_id == staging.change_id
    assert (promotion.marked_by, promotion.marked_at) == (alice.user, START)
    assert promotion.soak_ends_at - START == timedelta(hours=24)
    assert promotion.expires_at - promotion.soak_ends_at == timedelta(hours=168)
    entry = AuditEntry.objects.latest("id")
    assert entry.action == "console.flag.mark_promote"
    assert entry.payload == {"flag": LOW, "promotion": promotion.pk, "value": True}
    assert entry.context == {
        "soak_ends_at": "2026-03-02T12:00:00+00:00",
        "expires_at": "2026-03-09T12:00:00+00:00",
        "staging_change": staging.change_id.hex,
    }
    assert (entry.target_type, entry.target_id, entry.change_id) == ("feature_flag", LOW, None)


@pytest.mark.parametrize("layer", ["yaml", "env"])
def test_a_value_without_a_row_is_pinned(alice, monkeypatch, layer):
    if layer == "env":
        monkeypatch.setenv("FLAG_CONSOLE_BILLING", "1")
    promotion = mark(LOW, actor=alice, now=START)
    row = FeatureFlag.objects.get()
    assert (row.env, bool(row.value)) == ("staging", layer == "env")
    assert (promotion.value, promotion.staging_change_id) == (layer == "env", row.change_id)
    assert [action for action, *_ in story()] == ["flip", "mark_promote"]
    pinned = AuditEntry.objects.get(change_id=row.change_id)
    assert pinned.payload["from"] is pinned.payload["to"] is promotion.value
    assert pinned.context["reason"] == "pinned to be marked for prod"


def test_high_risk_is_marked_and_pinned_without_elevation(alice):
    assert mark(HIGH, actor=alice, now=START).state == State.PENDING


@pytest.mark.parametrize("who", ["ops", "support", "readonly"])
def test_other_roles_may_not(who, request):
    actor = console_actor(request.getfixturevalue(who))
    with nothing_written(), pytest.raises(RoleForbidden):
        mark(LOW, actor=actor, now=START)


class TestRefused:
    def test_an_undeclared_flag(self, alice):
        with nothing_written(), pytest.raises(UndeclaredFlag):
            mark("no_such_flag", actor=alice)

    def test_prod_has_the_value_by_a_row(self, alice):
        turn(LOW, "prod", True, alice)
        turn(LOW, "staging", True, alice)
        with nothing_written(), pytest.raises(PromotionRefused, match="Prod has it on already"):
            mark(LOW, actor=alice, now=START)

    def test_prod_has_it_by_default_only(self, alice):
        """A row is what protects prod's value from a config var: so it may be promoted."""
        assert not mark(LOW, actor=alice, now=START).value

    def test_an_open_promotion(self, alice):
        marked(alice)
        with nothing_written(), pytest.raises(PromotionRefused, match="has an open promotion"):
            mark(LOW, actor=alice, now=START)

    def test_an_open_promotion_whose_mark_pinned_what_this_page_saw(self, alice):
        seen = read_state(LOW, "staging").seen
        mark(LOW, actor=alice, seen=seen, now=START)
        with nothing_written(), pytest.raises(PromotionRefused, match="has an open promotion"):
            mark(LOW, actor=alice, seen=seen, now=START)

    def test_not_declared_on_prod(self, alice):
        DeclaredFlag.objects.filter(env="prod", flag_key=LOW).delete()
        with nothing_written(), pytest.raises(PromotionRefused, match="not declared in prod"):
            mark(LOW, actor=alice, now=START)

    def test_the_db_layer_is_off(self, alice, settings):
        settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
        with nothing_written(), pytest.raises(DbLayerOff):
            mark(LOW, actor=alice, now=START)

    def test_a_console_that_does_not_serve_staging(self, alice, settings):
        settings.CONSOLE_ENV, settings.CONSOLE_ENVIRONMENTS = "prod", ("prod",)
        with nothing_written(), pytest.raises(EnvironmentNotServed):
            mark(LOW, actor=alice, now=START)

    def test_a_value_that_this_console_cannot_see(self, alice, settings):
        settings.CONSOLE_ENV = "prod"
        with nothing_written(), pytest.raises(PromotionRefused, match="cannot be seen"):
            mark(LOW, actor=alice, now=START)
        turn(LOW, "staging", True, alice)
        assert mark(LOW, actor=alice, now=START).value

    def test_a_value_that_moved_since_the_page_was_drawn(self, alice):
        seen = turn(LOW, "staging", True, alice).seen
        turn(LOW, "staging", False, alice)
        with nothing_written(), pytest.raises(StateMoved, match="it is off in staging now"):
            mark(LOW, actor=alice, seen=seen, now=START)
        fresh = read_state(LOW, "staging").seen
        assert not mark(LOW, actor=alice, seen=fresh, now=START).value

    def test_a_row_from_before_the_triggers(self, alice):
        without_triggers(raw_insert)
        with nothing_written(), pytest.raises(PromotionRefused, match="reconcile it first"):
            mark(LOW, actor=alice, now=START)


def test_after_its_end_a_flag_can_be_marked_anew(alice):
    first = marked(alice)
    reject(first.pk, actor=alice, reason="not yet", now=START)
    second = mark(LOW, actor=alice, now=START + hours(1))
    assert second.pk != first.pk
    assert Promotion.objects.open().get() == second
