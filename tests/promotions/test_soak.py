"""The soak's clock: moved by hand, across a change to summer time, without a soak, and redeclared
half-way."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from flags import runtime
from promotions.marking import mark
from promotions.models import State
from promotions.refusals import PromotionRefused
from promotions.services import promote
from tests.pages import LOW
from tests.promotions.conftest import START, hours, marked, turn

NO_SOAK = "email_digest_weekly"
SECOND = hours(1) / 3600


@pytest.fixture
def redeclare(monkeypatch):
    """Change what the YAML says of a flag, as this deployment's next release would."""

    def redeclare(key: str, **changes) -> None:
        declared = dict(runtime.declared())
        declared[key] = replace(declared[key], **changes)
        monkeypatch.setattr(runtime, "declared", lambda: declared)

    return redeclare


def test_to_the_second_with_the_clock_moved(alice):
    with time_machine.travel(START, tick=False) as clock:
        turn(LOW, "staging", True, alice, timezone.now())
        promotion = mark(LOW, actor=alice)
        clock.shift(hours(24) - SECOND)
        with pytest.raises(PromotionRefused, match="1 s left"):
            promote(promotion.pk, actor=alice)
        clock.shift(SECOND)
        assert promote(promotion.pk, actor=alice).promoted_at == START + hours(24)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 29, 1, 30, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 10, 25, 1, 30, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 3, 8, 1, 30, tzinfo=ZoneInfo("America/New_York")),
    ],
    ids=["spring", "autumn", "New York"],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_a_day_has_24_hours_when_the_clocks_change(alice, settings, moment, zone):
    settings.TIME_ZONE = zone
    with time_machine.travel(moment, tick=False) as clock, timezone.override(zone):
        promotion = marked(alice, now=timezone.now())
        assert promotion.soak_ends_at == moment.astimezone(UTC) + hours(24)
        clock.shift(hours(24) - SECOND)
        with pytest.raises(PromotionRefused, match="soak is not over"):
            promote(promotion.pk, actor=alice)
        clock.shift(SECOND)
        assert promote(promotion.pk, actor=alice).state == State.PROMOTED


def test_without_a_soak_it_can_go_at_once(alice):
    promotion = marked(alice, NO_SOAK)
    assert promotion.soak_ends_at == START
    assert promote(promotion.pk, actor=alice, now=START).state == State.PROMOTED


def test_a_part_of_an_hour(alice, redeclare):
    redeclare(LOW, soak_period_hours=0.5)
    assert marked(alice).soak_ends_at == START + hours(0.5)


@pytest.mark.parametrize("redeclared", [0.0, 1.0, 240.0])
def test_the_clock_that_was_started_stands(alice, redeclare, redeclared):
    promotion = marked(alice)
    redeclare(LOW, soak_period_hours=redeclared)
    with pytest.raises(PromotionRefused, match="1 s left"):
        promote(promotion.pk, actor=alice, now=START + hours(24) - SECOND)
    assert promote(promotion.pk, actor=alice, now=START + hours(24)).state == State.PROMOTED


def test_a_clock_that_is_set_back_gives_no_soak_away(alice):
    promotion = marked(alice)
    with pytest.raises(PromotionRefused, match="soak is not over"):
        promote(promotion.pk, actor=alice, now=START - hours(1))
