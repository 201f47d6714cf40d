"""PROMOTION_FOUR_EYES: fixed at the mark, held by the service and by the database."""

from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from promotions.models import Promotion, State
from promotions.refusals import PromotionRefused, SameEyes
from promotions.services import approve, promote
from tests.pages import HIGH, LOW, nothing_written
from tests.promotions.conftest import START, hours, marked

DUE = START + hours(73)
PHRASE = f"promote {HIGH} to prod"


@pytest.fixture
def elevated(alice):
    return replace(alice, elevated=True)


@pytest.mark.parametrize(
    ("setting", "low", "high"),
    [("off", False, False), ("high", False, True), ("all", True, True)],
)
def test_the_setting_decides_at_the_mark(elevated, settings, setting, low, high):
    settings.PROMOTION_FOUR_EYES = setting
    one, other = marked(elevated, LOW), marked(elevated, HIGH)
    settings.PROMOTION_FOUR_EYES = "off" if high else "all"
    assert (one.four_eyes, other.four_eyes) == (low, high)
    promote_or_refuse = [(one, low, ""), (other, high, PHRASE)]
    for promotion, needs_two, phrase in promote_or_refuse:
        if needs_two:
            with nothing_written(), pytest.raises(PromotionRefused, match="four eyes"):
                promote(promotion.pk, actor=elevated, confirm=phrase, now=DUE)
        else:
            promote(promotion.pk, actor=elevated, confirm=phrase, now=DUE)


def test_whoever_marked_it_does_not_approve_it(alice, erin, settings):
    settings.PROMOTION_FOUR_EYES = "all"
    promotion = marked(alice)
    with nothing_written(), pytest.raises(SameEyes):
        approve(promotion.pk, actor=alice, now=START)
    approve(promotion.pk, actor=erin, now=START)
    assert promote(promotion.pk, actor=alice, now=DUE).approved_by == erin.user


def test_another_one_does_not_promote_it_unapproved_either(alice, erin, settings):
    settings.PROMOTION_FOUR_EYES = "all"
    promotion = marked(alice)
    with nothing_written(), pytest.raises(PromotionRefused, match="needs four eyes"):
        promote(promotion.pk, actor=erin, now=DUE)


def test_without_it_one_person_may_do_all(alice):
    promotion = approve(marked(alice).pk, actor=alice, now=START)
    assert promote(promotion.pk, actor=alice, now=DUE).state == State.PROMOTED


def by(promotion, **fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        Promotion.objects.filter(pk=promotion.pk).update(**fields)


def test_the_database_refuses_what_the_service_would(alice, erin, settings):
    settings.PROMOTION_FOUR_EYES = "all"
    promotion = marked(alice)
    approved = {"state": State.APPROVED, "approved_at": START}
    by(promotion, **approved, approved_by=F("marked_by"))
    by(promotion, **approved)
    promoted = {
        "state": State.PROMOTED,
        "promoted_by": erin.user,
        "promoted_at": DUE,
        "prod_change_id": promotion.staging_change_id,
    }
    by(promotion, **promoted)
    approval = {"approved_at": START, "approved_by": erin.user}
    by(promotion, **promoted | approval | {"promoted_at": START})
    by(promotion, **promoted | approval | {"promoted_at": None})
    by(promotion, **promoted | approval | {"prod_change_id": None})
    by(promotion, state=State.REJECTED, rejected_at=DUE)
    by(promotion, state=State.EXPIRED)
    by(promotion, state="done")
    by(promotion, expires_at=START)
    Promotion.objects.filter(pk=promotion.pk).update(**promoted | approval)


def test_the_database_has_one_open_promotion_per_flag(alice):
    promotion = marked(alice)
    promotion.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        promotion.save(force_insert=True)
