"""As in production: each console shows its own environment, and one database serves both."""

import pytest

from flags.models import FeatureFlag
from promotions.marking import mark
from promotions.models import State
from promotions.refusals import PromotionRefused
from promotions.services import approve, promote, reject
from tests.conftest import client_of
from tests.pages import FLAGS, LOW, nothing_written, text_of
from tests.promotions.conftest import START, hours, turn

DUE = START + hours(24)


@pytest.fixture
def on(settings):
    def on(env: str) -> None:
        settings.CONSOLE_ENV, settings.CONSOLE_ENVIRONMENTS = env, (env,)

    return on


@pytest.fixture
def promotion(alice, on):
    on("staging")
    turn(LOW, "staging", True, alice, START - hours(1))
    return mark(LOW, actor=alice, now=START)


def test_marked_on_one_and_promoted_on_the_other(alice, promotion, on):
    on("prod")
    approve(promotion.pk, actor=alice, now=START)
    assert promote(promotion.pk, actor=alice, now=DUE).state == State.PROMOTED
    assert FeatureFlag.objects.get(env="prod").value == 1


def test_stagings_console_does_not_promote(alice, promotion):
    with (
        nothing_written(),
        pytest.raises(PromotionRefused, match="on prod's own console"),
    ):
        promote(promotion.pk, actor=alice, now=DUE)


def test_either_may_reject(alice, promotion, on):
    on("prod")
    assert reject(promotion.pk, actor=alice, reason="no", now=START).state == State.REJECTED


def test_prods_database_layer_is_off(alice, promotion, on, settings):
    on("prod")
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    with nothing_written(), pytest.raises(PromotionRefused, match="database layer is off"):
        promote(promotion.pk, actor=alice, now=DUE)


def test_prods_pages_offer_no_mark(alice, superadmin, on):
    on("prod")
    client = client_of(superadmin)
    assert "mark-promote" not in client.get(FLAGS).content.decode()
    with nothing_written():
        answer = client.post(f"{FLAGS}/{LOW}/mark-promote", {"env": "staging"})
    assert answer.status_code == 409
    assert "prod is the active environment now" in text_of(answer)
