"""One flag's page: what each layer answers, which one wins and why, and the history."""

import re

import pytest

from flags.models import DeclaredFlag, FeatureFlag
from flags.services import flip
from flags.state import read_state
from tests.conftest import client_of, console_actor
from tests.flags.outside import last_change
from tests.flags.test_flags_page import turn
from tests.pages import FLAGS, LOW, client_as, nothing_written, text_of

PAGE = f"{FLAGS}/{LOW}"
NONE = "—"


def layers_of(response) -> dict[str, tuple[str, str, bool]]:
    """Answer, explanation and whether it wins, by layer."""
    found = {}
    rows = re.findall(r'<tr data-layer="(\w+)"(.*?)</tr>', response.content.decode(), re.DOTALL)
    for layer, body in rows:
        cells = re.findall(r"<td>(.*?)</td>", body, re.DOTALL)
        answer, why = (" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in cells)
        found[layer] = (answer, why, 'class="winner"' in body)
    return found


def history_of(response) -> list[str]:
    items = re.findall(r"<li data-audit.*?</li>", response.content.decode(), re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", item).split()) for item in items]


@pytest.mark.parametrize(
    ("row", "config_var", "answers", "winner"),
    [
        (None, None, (NONE, NONE, "off"), "yaml"),
        (None, "on", (NONE, "on", "off"), "env"),
        (None, "off", (NONE, "off", "off"), "env"),
        (True, None, ("on", NONE, "off"), "db"),
        (False, "on", ("off", "on", "off"), "db"),
        (None, "perhaps", (NONE, NONE, "off"), "yaml"),
    ],
)
def test_each_layer_shows_its_answer_and_one_of_them_wins(
    ops, monkeypatch, row, config_var, answers, winner
):
    if config_var:
        monkeypatch.setenv("FLAG_CONSOLE_BILLING", config_var)
    if row is not None:
        turn(ops, value=row)
    page = client_of(ops).get(PAGE)
    layers = layers_of(page)
    assert tuple(answer for answer, _, _ in layers.values()) == answers
    assert [layer for layer, (_, _, wins) in layers.items() if wins] == [winner]
    assert layers[winner][1].startswith("Wins.")
    state = read_state(LOW, "staging")
    now = re.search(r'<p class="now"([^>]*)>', page.content.decode()).group(1)
    assert f'data-value="{"on" if state.value else "off"}" data-source="{winner}"' in now


def test_a_config_var_beneath_a_row_is_called_dormant(ops, monkeypatch):
    monkeypatch.setenv("FLAG_CONSOLE_BILLING", "on")
    turn(ops, value=False)
    why = layers_of(client_of(ops).get(PAGE))["env"][1]
    assert why == "FLAG_CONSOLE_BILLING is set, and dormant."


def test_a_config_var_that_is_not_understood_is_not_called_unset(ops, monkeypatch):
    monkeypatch.setenv("FLAG_CONSOLE_BILLING", "perhaps")
    why = layers_of(client_of(ops).get(PAGE))["env"][1]
    assert "is not set" not in why
    assert "FLAG_CONSOLE_BILLING" in why


def test_a_row_is_dormant_while_the_database_layer_is_off(ops, settings):
    turn(ops)
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    answer, why, wins = layers_of(client_of(ops).get(PAGE))["db"]
    assert (answer, wins) == (NONE, False)
    assert "the row (on) is dormant" in why


def test_of_the_other_environment_the_env_layer_is_not_known_here(declared, monkeypatch):
    monkeypatch.setenv("FLAG_CONSOLE_BILLING", "on")
    client = client_as("ops")
    client.post("/console/env", {"env": "prod"})
    answer, why, wins = layers_of(client.get(PAGE))["env"]
    assert (answer, wins) == (NONE, False)
    assert "Not known here: this console runs in staging." in why


def test_in_the_other_environment_the_page_does_not_claim_that_no_config_var_answers(declared):
    client = client_as("ops")
    client.post("/console/env", {"env": "prod"})
    assert "nor a config var answers" not in text_of(client.get(PAGE))


def test_who_changed_the_row_last_is_told_or_that_it_was_outside_the_console(ops):
    turn(ops)
    client = client_of(ops)
    assert "Last changed by bob" in layers_of(client.get(PAGE))["db"][1]
    FeatureFlag.objects.update(value=0)
    why = layers_of(client.get(PAGE))["db"][1]
    assert f"Last changed by {last_change().who} , outside the console" in why
    assert "bob" not in why


def test_a_flag_that_the_list_does_not_have_yet_still_tells_of_its_row(ops):
    turn(ops)
    DeclaredFlag.objects.filter(env="staging").delete()
    answer, why, wins = layers_of(client_of(ops).get(PAGE))["db"]
    assert (answer, wins) == ("on", True)
    assert "never flipped" not in why


def test_the_history_is_of_both_environments_newest_first_with_reason_and_incident(ops):
    turn(ops, env="prod")
    actor = console_actor(ops)
    seen = read_state(LOW, "staging").seen
    flip(LOW, "staging", True, actor=actor, seen=seen, reason="launch <b>", incident="INC-7")
    turn(ops, "email_digest_weekly")
    first, second = history_of(client_of(ops).get(PAGE))
    assert first.startswith(f"bob turned {LOW} on in staging from the console")
    assert first.endswith("launch &lt;b&gt; ( INC-7 )")
    assert second.startswith(f"bob turned {LOW} on in prod from the console")


@pytest.mark.parametrize("env", ["staging", "prod"])
def test_the_history_is_the_same_whatever_environment_is_active(ops, env):
    turn(ops, env="prod")
    client = client_of(ops)
    client.post("/console/env", {"env": env})
    assert len(history_of(client.get(PAGE))) == 1


def test_a_flag_that_nobody_flipped_has_no_history(declared):
    page = client_as("ops").get(PAGE)
    assert history_of(page) == []
    assert "Never flipped in any environment." in text_of(page)


@pytest.mark.parametrize("key", ["no_such_flag", "CONSOLE_BILLING", "declaredflag", "flip"])
def test_an_undeclared_flag_is_404_with_the_reason(declared, key):
    response = client_as("ops").get(f"{FLAGS}/{key}")
    assert response.status_code == 404
    assert f"'{key}' is not declared in staging" in text_of(response)


def test_the_page_writes_nothing(ops):
    turn(ops)
    client = client_of(ops)
    with nothing_written():
        client.get(PAGE)
