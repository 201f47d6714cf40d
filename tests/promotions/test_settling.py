"""What ends an open promotion without a person: a change of staging, by any channel, and time."""

import json
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from audit.models import AuditEntry
from flags.models import FeatureFlag
from flags.reconcile import look, reconcile
from flags.services import flip
from flags.state import read_state
from promotions import settling
from promotions.marking import mark
from promotions.models import Promotion, State
from promotions.refusals import PromotionRefused
from promotions.services import approve, promote, reject
from promotions.settling import settle_all
from tests.flags.outside import raw, raw_delete, raw_update
from tests.pages import LOW, nothing_written
from tests.promotions.conftest import START, hours, marked, story, turn

DUE, OVER = START + hours(24), START + hours(24 + 168)


def state_of(promotion: Promotion) -> tuple[str, str]:
    promotion.refresh_from_db()
    return promotion.state, promotion.reason


def off_and_on(alice):
    turn(LOW, "staging", False, alice, START + hours(1))
    turn(LOW, "staging", True, alice, START + hours(1))


def raw_off_and_on(alice):
    raw_update(0)
    raw_update(1)


def command(alice):
    why = {"env": "staging", "reason": "a test", "yes": True}
    with time_machine.travel(START + hours(1), tick=False):
        call_command("flag_flip", LOW, "off", stdout=StringIO(), **why)


@pytest.mark.parametrize(
    "change",
    [
        lambda alice: turn(LOW, "staging", False, alice, START + hours(1)),
        off_and_on,
        command,
    ],
    ids=["flip", "off and on", "command"],
)
def test_a_flip_on_staging_rejects_it_in_the_same_transaction(alice, change):
    promotion = marked(alice)
    change(alice)
    state, reason = state_of(promotion)
    assert state == State.REJECTED
    assert reason.startswith("staging changed: ")
    assert "turned console_billing off in staging" in reason
    assert (promotion.rejected_by, promotion.rejected_at is None) == (None, False)
    rejection = AuditEntry.objects.get(action="console.flag.rejected")
    assert (rejection.channel, rejection.actor, rejection.admin) == ("system", "system", None)
    assert rejection.payload == {
        "flag": LOW,
        "promotion": promotion.pk,
        "value": True,
        "reason": reason,
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda alice: raw_update(0), "turned console_billing off in staging by SQL"),
        (raw_off_and_on, "turned console_billing off in staging by SQL"),
        (lambda alice: raw_delete(), "removed the row of console_billing in staging by SQL"),
    ],
    ids=["off", "off and on", "deleted"],
)
@pytest.mark.parametrize("touch", [approve, promote, "reject", "mark", settle_all])
def test_raw_sql_on_staging_rejects_it_at_the_next_touch(alice, change, words, touch):
    promotion = marked(alice)
    change(alice)
    if touch is settle_all:
        assert settle_all(DUE).rejected == [promotion]
    elif touch == "mark":
        mark(LOW, actor=alice, now=DUE)
    else:
        with pytest.raises(PromotionRefused, match="was rejected by the system"):
            if touch == "reject":
                reject(promotion.pk, actor=alice, reason="late", now=DUE)
            else:
                touch(promotion.pk, actor=alice, now=DUE)
    state, reason = state_of(promotion)
    assert state == State.REJECTED
    assert words in reason
    assert not FeatureFlag.objects.filter(env="prod").exists()


def test_the_reason_names_the_change_that_broke_it(alice):
    promotion = marked(alice)
    raw_update(0)
    turn(LOW, "staging", True, alice, START + hours(1))
    assert "turned console_billing off in staging by SQL" in state_of(promotion)[1]


class TestDatabaseLayerOff:
    """On staging's own deployment: its rows have no effect there, so the value does not hold."""

    @pytest.fixture
    def promotion(self, alice, settings):
        promotion = marked(alice)
        settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
        return promotion

    def test_the_scheduler_ends_it(self, promotion):
        assert settle_all(START + hours(1)).rejected == [promotion]
        assert "its database layer was turned off" in state_of(promotion)[1]

    def test_not_where_the_config_var_says_the_same(self, promotion, monkeypatch):
        monkeypatch.setenv("FLAG_CONSOLE_BILLING", "1")
        assert settle_all(START + hours(1)).rejected == []

    def test_not_from_prods_deployment(self, promotion, settings):
        settings.CONSOLE_ENV = "prod"
        assert settle_all(START + hours(1)).rejected == []

    def test_a_step_is_refused_and_writes_nothing(self, alice, promotion):
        with nothing_written(), pytest.raises(PromotionRefused, match="database layer is off"):
            promote(promotion.pk, actor=alice, now=DUE)


def test_one_that_the_database_fails_holds_up_no_other(alice, monkeypatch):
    long_ago = timezone.now() - hours(24 + 168)
    failing = marked(alice, now=long_ago)
    other = marked(alice, "console_customer_notes", long_ago)
    expire = settling._expire

    def fail(promotion, now):
        if promotion == failing:
            raise OperationalError("deadlock detected")
        return expire(promotion, now)

    monkeypatch.setattr(settling, "_expire", fail)
    with pytest.raises(CommandError, match="deadlock detected"):
        call_command("tick", stdout=StringIO())
    assert [state_of(each)[0] for each in (failing, other)] == [State.PENDING, State.EXPIRED]
    monkeypatch.setattr(settling, "_expire", expire)
    call_command("tick", stdout=StringIO())
    assert state_of(failing)[0] == State.EXPIRED


def test_it_must_be_marked_anew_with_a_soak_of_its_own(alice):
    marked(alice)
    off_and_on(alice)
    again = mark(LOW, actor=alice, now=START + hours(2))
    with pytest.raises(PromotionRefused, match="2 h left"):
        promote(again.pk, actor=alice, now=DUE)
    promote(again.pk, actor=alice, now=START + hours(26))


def test_a_flip_to_what_it_is_already_changes_nothing(alice):
    promotion = marked(alice)
    seen = read_state(LOW, "staging").seen
    flip(LOW, "staging", True, actor=alice, seen=seen, now=START + hours(1))
    raw_update(1)
    assert settle_all(DUE).rejected == []
    assert promote(promotion.pk, actor=alice, now=DUE).state == State.PROMOTED


def test_to_reconcile_is_not_to_change(alice):
    turn(LOW, "staging", False, alice, START - hours(1))
    raw_update(1)
    promotion = mark(LOW, actor=alice, now=START)
    seen = look(LOW, "staging").change.seen
    reconcile(LOW, "staging", actor=alice, seen=seen, incident="INC-7", now=START + hours(1))
    assert promote(promotion.pk, actor=alice, now=DUE).state == State.PROMOTED


def test_a_change_after_the_reconciliation_is_a_change(alice):
    turn(LOW, "staging", False, alice, START - hours(1))
    raw_update(1)
    promotion = mark(LOW, actor=alice, now=START)
    raw_off_and_on(alice)
    seen = look(LOW, "staging").change.seen
    reconcile(LOW, "staging", actor=alice, seen=seen, incident="INC-7", now=START + hours(1))
    assert settle_all(DUE).rejected == [promotion]


def test_prod_and_other_flags_are_none_of_its_business(alice):
    promotion = marked(alice)
    turn(LOW, "prod", False, alice)
    turn("console_customer_notes", "staging", True, alice)
    assert state_of(promotion) == (State.PENDING, "")


class TestExpiry:
    def test_to_the_second(self, alice):
        promotion = marked(alice)
        assert settle_all(OVER - hours(1) / 3600).expired == []
        assert settle_all(OVER).expired == [promotion]
        assert state_of(promotion) == (State.EXPIRED, "")
        assert promotion.expired_at == OVER
        assert story()[-1] == ("expired", "system", "system")

    def test_once(self, alice):
        marked(alice)
        settle_all(OVER)
        with nothing_written():
            assert settle_all(OVER).expired == []

    @pytest.mark.parametrize("touch", [approve, promote, reject, mark])
    def test_without_waiting_for_the_command(self, alice, touch):
        promotion = marked(alice)
        if touch is mark:
            assert mark(LOW, actor=alice, now=OVER).state == State.PENDING
        else:
            options = {"reason": "late"} if touch is reject else {}
            with pytest.raises(PromotionRefused, match="It expired"):
                touch(promotion.pk, actor=alice, now=OVER, **options)
        assert state_of(promotion)[0] == State.EXPIRED

    def test_a_flip_on_staging_after_the_expiry_finds_it_expired(self, alice):
        promotion = marked(alice)
        turn(LOW, "staging", False, alice, OVER)
        assert state_of(promotion)[0] == State.EXPIRED

    @pytest.mark.parametrize("name", ["promotion_expire", "tick"])
    def test_the_commands(self, alice, name):
        long_ago = timezone.now() - hours(24 + 168)
        promotion, out = marked(alice, now=long_ago), StringIO()
        call_command(name, stdout=out)
        assert state_of(promotion)[0] == State.EXPIRED
        assert "1 " in out.getvalue()
        call_command(name, stdout=(again := StringIO()))
        assert "0 " in again.getvalue()
        assert [action for action, *_ in story()].count("expired") == 1

    def test_as_json(self, alice):
        long_ago = timezone.now() - hours(24 + 168)
        promotion, out = marked(alice, now=long_ago), StringIO()
        call_command("promotion_expire", json=True, stdout=out)
        ended = {"promotion": promotion.pk, "flag": LOW, "value": True, "reason": ""}
        assert json.loads(out.getvalue()) == {
            "expired": [ended],
            "rejected": [],
            "held_up": [],
            "failed": [],
        }

    def test_whose_setting_changed_later_keeps_its_own(self, alice, settings):
        promotion = marked(alice)
        settings.PROMOTION_EXPIRY_HOURS = 1
        assert promote(promotion.pk, actor=alice, now=DUE + hours(2)).state == State.PROMOTED


def test_a_row_without_a_declaration_still_counts(alice, monkeypatch):
    from flags import runtime

    promotion = marked(alice)
    without = {key: flag for key, flag in runtime.declared().items() if key != LOW}
    monkeypatch.setattr(runtime, "declared", lambda: without)
    assert settle_all(DUE).rejected == []
    raw("UPDATE console_feature_flags SET value=0 WHERE flag_key=%s", LOW)
    assert settle_all(DUE).rejected == [promotion]
