"""Flip on and flip off for many flags at once: the confirmation page, and its application."""

import json
import re
from html import unescape

import pytest
from django.db import OperationalError

from audit.commits import OutcomeUnknown
from audit.models import AuditEntry
from flags import bulk
from flags.models import DeclaredFlag, FeatureFlag
from flags.state import read_state
from tests.conftest import client_of
from tests.flags.test_flags_page import turn
from tests.flags.test_flags_page_size import flags_of
from tests.pages import (
    FLAGS,
    HIGH,
    LOW,
    MEDIUM,
    nothing_written,
    rows_of,
    text_of,
)

__all__ = ["flags_of"]  # a fixture
ON_IN_YAML = "console_customer_notes"
ALSO_LOW = "email_digest_weekly"


def pick(client, *keys: str, action: str = "flip_on", **fields):
    """Tick these flags, choose the action, press Go."""
    flags = DeclaredFlag.objects.filter(env="staging", flag_key__in=keys)
    picked = [flag.pk for flag in flags.order_by("flag_key")]
    return client.post(
        FLAGS, {"action": action, "index": "0", "_selected_action": picked, **fields}
    )


def form_of(confirmation) -> dict[str, str]:
    """The fields that a click on the confirmation's button sends."""
    html = confirmation.content.decode()
    form = re.search(r'<form id="confirm-flips".*?</form>', html, re.DOTALL).group()
    return {
        name: unescape(value) for name, value in re.findall(r' name="(\w+)" value="(.*?)"', form)
    }


def plan_of(confirmation) -> dict[str, list[str]]:
    """The flags under each of the confirmation's headings."""
    html = confirmation.content.decode()
    parts = re.split(r"<h2>(.*?) \(\d+\)</h2>", html)[1:]
    return {
        title: re.findall(r"<li[^>]*><code>(.*?)</code>", body)
        for title, body in zip(parts[::2], parts[1::2], strict=True)
    }


def values() -> dict[str, int]:
    return dict(FeatureFlag.objects.filter(env="staging").values_list("flag_key", "value"))


def test_the_confirmation_lists_exactly_what_will_change_and_writes_nothing(superadmin):
    turn(superadmin, ALSO_LOW)
    client = client_of(superadmin)
    with nothing_written():
        page = pick(client, LOW, MEDIUM, ON_IN_YAML, ALSO_LOW, HIGH)
    assert page.status_code == 200
    assert plan_of(page) == {
        "Will change": [LOW, ON_IN_YAML, MEDIUM],
        "Already on": [ALSO_LOW],
        "Cannot be flipped": [HIGH],
    }
    said = text_of(page)
    assert f"{LOW} off → on" in said
    assert f"{ON_IN_YAML} stays on, pinned by a DB row (now from yaml)" in said
    assert "Flip 3 flags on in staging" in said
    assert "TOTP" in said


def test_the_confirmation_tells_a_role_what_it_may_not_flip(ops):
    page = pick(client_of(ops), LOW, MEDIUM)
    assert plan_of(page) == {"Will change": [LOW], "Cannot be flipped": [MEDIUM]}
    assert "need the role superadmin" in text_of(page)


def test_a_confirmation_that_would_change_nothing_has_no_button(ops):
    turn(ops)
    page = pick(client_of(ops), LOW, MEDIUM)
    assert "Will change" in plan_of(page)
    assert 'type="submit" class="button confirm"' not in page.content.decode()


def test_while_the_database_layer_is_off_the_confirmation_promises_nothing(ops, settings):
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    page = pick(client_of(ops), LOW)
    assert plan_of(page)["Will change"] == []
    assert "database layer is off" in text_of(page)


@pytest.mark.parametrize(("action", "value"), [("flip_on", 1), ("flip_off", 0)])
def test_confirmed_the_flips_of_the_plan_are_made_and_no_others(superadmin, action, value):
    turn(superadmin, ALSO_LOW, bool(value))
    client = client_of(superadmin)
    confirmation = pick(client, LOW, MEDIUM, ALSO_LOW, HIGH, action=action)
    page = client.post(FLAGS, form_of(confirmation), follow=True)
    assert values() == {LOW: value, MEDIUM: value, ALSO_LOW: value}
    assert AuditEntry.objects.count() == 3
    assert f"2 flags are {['off', 'on'][value]} in staging now." in text_of(page)
    assert rows_of(page)[LOW]["data-source"] == "db"


def test_each_flip_has_its_own_audit_row(ops):
    client = client_of(ops)
    client.post(FLAGS, form_of(pick(client, LOW, ALSO_LOW)))
    entries = AuditEntry.objects.order_by("target_id")
    assert [entry.payload for entry in entries] == [
        {"flag": key, "env": "staging", "from": False, "to": True} for key in (LOW, ALSO_LOW)
    ]
    assert {(entry.admin, entry.channel) for entry in entries} == {(ops, "console")}


def test_a_plan_that_is_sent_twice_is_done_once(ops):
    client = client_of(ops)
    form = form_of(pick(client, LOW))
    client.post(FLAGS, form)
    with nothing_written():
        page = client.post(FLAGS, form, follow=True)
    assert "on already" in text_of(page)


@pytest.mark.parametrize("action", ["flip_on", "delete_selected", "", "no_such_action"])
def test_nothing_chosen_or_no_such_action_changes_nothing_and_says_so(ops, action):
    client = client_of(ops)
    keys = () if action == "flip_on" else (LOW,)
    with nothing_written():
        page = pick(client, *keys, action=action)
        page = client.get(page["Location"]) if page.status_code == 302 else page
    assert DeclaredFlag.objects.filter(env="staging").count() == 12
    assert "Items must be selected" in text_of(page) or "No action selected" in text_of(page)


def test_a_thousand_flags_are_flipped_by_one_post(flags_of, ops):
    flags_of(1000, risks=("low",))
    FeatureFlag.objects.all().delete()
    client = client_of(ops)
    confirmation = pick(client, "flag_0000", select_across="1")
    assert len(plan_of(confirmation)["Will change"]) == 1000
    page = client.post(FLAGS, form_of(confirmation), follow=True)
    assert "1000 flags are on in staging now." in text_of(page)
    assert set(values().values()) == {1}
    # Those that removed the rows before are by SQL.
    assert AuditEntry.objects.filter(channel="console").count() == 1000


def test_what_the_plan_saw_is_the_state_of_the_database(ops):
    form = form_of(pick(client_of(ops), LOW))
    assert json.loads(form["plan"]) == {
        "env": "staging",
        "value": True,
        "flags": [[LOW, read_state(LOW, "staging").seen]],
    }


def test_a_database_that_does_not_answer_ends_the_run(ops, monkeypatch):
    """Waiting for it flag by flag would take minutes, and flips after that would surprise."""
    asked = []

    def away(key, *args, **kwargs):
        asked.append(key)
        raise OperationalError("away")

    client = client_of(ops)
    form = form_of(pick(client, LOW, ALSO_LOW))
    monkeypatch.setattr(bulk, "flip", away)
    page = client.post(FLAGS, form, follow=True)
    assert len(asked) == 1
    assert f"{LOW}: not done: the database did not answer" in text_of(page)
    assert "not tried: the database did not answer" in text_of(page)


def test_a_commit_that_nobody_knows_of_is_told_as_that_and_ends_the_run(ops, monkeypatch):
    entry = AuditEntry(pk=7, action="console.flag.flip", target_id=LOW)
    asked = []

    def unknown(key, *args, **kwargs):
        asked.append(key)
        raise OutcomeUnknown(entry)

    client = client_of(ops)
    form = form_of(pick(client, LOW, ALSO_LOW))
    monkeypatch.setattr(bulk, "flip", unknown)
    words = text_of(client.post(FLAGS, form, follow=True))
    assert asked == [LOW]
    assert f"{LOW}: It is not known whether this was done" in words
    assert "WHERE id = 7;" in words
    assert "not done:" not in words
    assert f"{ALSO_LOW}: not tried: the database did not answer" in words
