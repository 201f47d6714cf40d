"""What a row of the flags page carries: the contract between page, script and tests."""

import re

import pytest

from flags.models import FeatureFlag
from flags.services import flip
from flags.state import read_state
from tests.conftest import client_of, console_actor
from tests.pages import FLAGS, HIGH, HTMX, LOW, MEDIUM, flip_url, rows_of


def form_of(response, key: str) -> dict[str, str]:
    """The fields that a browser without JavaScript sends with this flag's toggle."""
    html = response.content.decode()
    own = re.search(rf'<form id="flip-{key}".*?</form>', html, re.DOTALL).group()
    outside = re.findall(rf'<(?:input|button)[^>]* form="flip-{key}"[^>]*>', html)
    tags = re.findall(r"<input[^>]*>", own) + outside
    pairs = ((re.search(r' name="(.*?)"', tag), re.search(r' value="(.*?)"', tag)) for tag in tags)
    return {name.group(1): value.group(1) for name, value in pairs if name and value}


def a_db_row(ops, monkeypatch):
    actor = console_actor(ops)
    flip(LOW, "staging", True, actor=actor, seen=read_state(LOW, "staging").seen)


def a_config_var(ops, monkeypatch):
    monkeypatch.setenv("FLAG_CONSOLE_BILLING", "yes")


def a_default(ops, monkeypatch):
    pass


@pytest.mark.parametrize(
    ("arrange", "source", "value"),
    [(a_db_row, "db", "on"), (a_config_var, "env", "on"), (a_default, "yaml", "off")],
)
def test_a_row_carries_the_attributes_of_the_contract(ops, monkeypatch, arrange, source, value):
    arrange(ops, monkeypatch)
    row = rows_of(client_of(ops).get(FLAGS))[LOW]
    row.pop("class")
    assert row == {
        "id": f"flag-{LOW}",
        "data-flag": LOW,
        "data-env": "staging",
        "data-value": value,
        "data-source": source,
        "data-risk": "low",
        "data-seen": read_state(LOW, "staging").seen,
    }


def test_the_row_that_htmx_gets_is_the_row_of_the_page(ops):
    bob = client_of(ops)
    drawn = rows_of(bob.get(FLAGS))[LOW]
    fields = {"to": "on", "env": drawn["data-env"], "seen": drawn["data-seen"]}
    swapped = rows_of(bob.post(flip_url(), fields, headers=HTMX))[LOW]
    listed = rows_of(bob.get(FLAGS))[LOW]
    for row in (swapped, listed):
        row.pop("class")
    assert swapped == listed


@pytest.mark.parametrize(("key", "risk"), [(LOW, "low"), (MEDIUM, "medium"), (HIGH, "high")])
def test_a_row_says_its_risk(ops, key, risk):
    assert rows_of(client_of(ops).get(FLAGS))[key]["data-risk"] == risk


def test_what_a_row_says_was_seen_never_fits_again_after_a_flip(ops):
    bob = client_of(ops)
    drawn = set()
    for to in ("on", "off", "on"):
        seen = rows_of(bob.get(FLAGS))[LOW]["data-seen"]
        bob.post(flip_url(), {"to": to, "env": "staging", "seen": seen})
        drawn.add(seen)
    drawn.add(rows_of(bob.get(FLAGS))[LOW]["data-seen"])
    assert len(drawn) == 4


def test_what_a_row_says_was_seen_moves_with_a_value_that_raw_sql_changed(ops):
    bob = client_of(ops)
    bob.post(flip_url(), {"to": "on", "env": "staging", "seen": "yaml::0"})
    seen = rows_of(bob.get(FLAGS))[LOW]["data-seen"]
    FeatureFlag.objects.update(value=0)
    assert rows_of(bob.get(FLAGS))[LOW]["data-seen"] != seen


def test_a_toggle_without_javascript_sends_one_flip_and_comes_back(ops):
    bob = client_of(ops)
    page = bob.get(f"{FLAGS}?q=billing")
    fields = form_of(page, LOW)
    fields.pop("csrfmiddlewaretoken")
    assert fields == {
        "to": "on",
        "env": "staging",
        "seen": "yaml::0",
        "next": f"{FLAGS}?q=billing",
    }
    response = bob.post(flip_url(), fields)
    assert (response.status_code, FeatureFlag.objects.get().value) == (303, 1)


def test_a_toggle_that_the_role_may_not_use_says_so_beforehand(ops):
    html = client_of(ops).get(FLAGS).content.decode()
    toggle = {
        key: re.search(rf'<button[^>]* id="toggle-{key}"[^>]*>', html).group()
        for key in (LOW, MEDIUM)
    }
    assert "data-locked" not in toggle[LOW]
    assert "data-locked" in toggle[MEDIUM]
    assert "medium-risk" in toggle[MEDIUM]


@pytest.mark.parametrize(("to", "pressed"), [("on", "true"), ("off", "false")])
def test_the_toggle_is_a_named_button_that_says_whether_it_is_pressed(ops, to, pressed):
    fields = {"to": to, "env": "staging", "seen": "yaml::0"}
    html = client_of(ops).post(flip_url(), fields, headers=HTMX).content.decode()
    toggle = re.search(r"<button[^>]*data-toggle[^>]*>", html).group()
    assert f'aria-pressed="{pressed}"' in toggle
    assert f'aria-label="{LOW} in staging"' in toggle
    assert f'id="toggle-{LOW}"' in toggle
