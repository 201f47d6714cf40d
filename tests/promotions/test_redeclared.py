"""The YAML changes while a promotion is open: what is declared now counts."""

from dataclasses import replace

import pytest

from accounts.models import OperatorSession
from flags import runtime, writing
from flags.declarations import Risk
from flags.models import DeclaredFlag, FeatureFlag
from flags.refusals import ElevationRequired
from promotions.models import State
from promotions.refusals import PhraseNeeded, PromotionRefused
from promotions.services import approve, promote, reject
from tests.codes import elevated_client
from tests.pages import HIGH, LOW, nothing_written
from tests.promotions.conftest import START, hours, marked

DUE = START + hours(73)
_COLUMNS = {"default": "default_value"}


@pytest.fixture(params=["staging", "prod"])
def redeclared(request, monkeypatch):
    """In which environment's release the YAML changed: (key, changes), None: removed."""

    def redeclare(key: str, **changes) -> None:
        if request.param == "prod":
            rows = DeclaredFlag.objects.filter(env="prod", flag_key=key)
            columns = {_COLUMNS.get(name, name): value for name, value in changes.items()}
            assert rows.update(**columns) if columns else rows.delete()
            return
        declared = dict(runtime.declared())
        flag = declared.pop(key)
        if changes:
            declared[key] = replace(flag, **changes)
        monkeypatch.setattr(runtime, "declared", lambda: declared)

    return redeclare


@pytest.mark.parametrize("step", [approve, promote])
def test_a_removed_flag_is_blocked(alice, redeclared, step):
    promotion = marked(alice)
    redeclared(LOW)
    with nothing_written(), pytest.raises(PromotionRefused, match="is not declared in"):
        step(promotion.pk, actor=alice, now=DUE)


def test_the_promotion_of_a_removed_flag_can_be_rejected(alice, redeclared):
    promotion = marked(alice)
    redeclared(LOW)
    assert reject(promotion.pk, actor=alice, reason="gone", now=DUE).state == State.REJECTED


def test_a_raised_risk_asks_for_elevation_and_phrase(alice, redeclared):
    promotion = marked(alice)
    redeclared(LOW, risk=Risk.HIGH)
    elevated = replace(alice, elevated=True)
    with nothing_written(), pytest.raises(ElevationRequired):
        promote(promotion.pk, actor=alice, confirm=f"promote {LOW} to prod", now=DUE)
    with nothing_written(), pytest.raises(PhraseNeeded):
        promote(promotion.pk, actor=elevated, now=DUE)
    promote(promotion.pk, actor=elevated, confirm=f"promote {LOW} to prod", now=DUE)
    assert FeatureFlag.objects.get(env="prod").value == 1


def test_a_risk_that_one_release_lowered_is_high_still(alice, redeclared):
    promotion = marked(replace(alice, elevated=True), HIGH)
    redeclared(HIGH, risk=Risk.LOW)
    with nothing_written(), pytest.raises(ElevationRequired):
        promote(promotion.pk, actor=alice, now=DUE)


def test_an_elevation_that_ends_meanwhile_takes_it_back(superadmin, alice, redeclared, monkeypatch):
    """Whichever of the two releases says that the risk is high."""
    promotion = marked(alice)
    redeclared(LOW, risk=Risk.HIGH)
    elevated_client(superadmin)
    session = OperatorSession.objects.get(user=superadmin)
    actor = replace(alice, elevated=True, session_id=session.pk)
    swap = writing._swap

    def swap_and_drop(*arguments):
        OperatorSession.objects.update(elevated_at=None)
        return swap(*arguments)

    monkeypatch.setattr(writing, "_swap", swap_and_drop)
    with nothing_written(), pytest.raises(ElevationRequired):
        promote(promotion.pk, actor=actor, confirm=f"promote {LOW} to prod", now=DUE)


def test_a_changed_default_changes_nothing_the_value_is_pinned(alice, redeclared):
    promotion = marked(alice)
    redeclared(LOW, default=True)
    assert promote(promotion.pk, actor=alice, now=DUE).state == State.PROMOTED
