"""Bulk plans that must not go through: stale, forged, tampered with, of another environment."""

import json

import pytest

from tests.conftest import client_of
from tests.flags.test_bulk import ALSO_LOW, ON_IN_YAML, form_of, pick, values
from tests.flags.test_flags_page import turn
from tests.pages import (
    FLAGS,
    HIGH,
    LOW,
    MEDIUM,
    client_as,
    nothing_written,
    text_of,
)


def packed(*flags: tuple[str, str], value: bool = True, env: str = "staging") -> str:
    return json.dumps({"env": env, "value": value, "flags": flags})


def apply(client, plan: str, action: str = "flip_on", **options):
    return client.post(FLAGS, {"action": action, "_selected_action": "0", "plan": plan}, **options)


def test_a_flag_that_moved_on_is_refused_and_the_others_pass(ops, superadmin):
    turn(superadmin, LOW)
    client = client_of(ops)
    form = form_of(pick(client, LOW, ALSO_LOW, ON_IN_YAML, action="flip_off"))
    turn(superadmin, LOW, False)
    turn(superadmin, LOW, True)
    page = client.post(FLAGS, form, follow=True)
    assert values() == {LOW: 1, ALSO_LOW: 0, ON_IN_YAML: 0}
    assert f"{LOW}: It was changed meanwhile" in text_of(page)
    assert "2 flags are off in staging now." in text_of(page)


def test_a_flag_that_is_no_longer_declared_is_refused_and_the_others_pass(ops):
    plan = packed(("gone_flag", "yaml::0"), (LOW, "yaml::0"))
    page = apply(client_of(ops), plan, follow=True)
    assert values() == {LOW: 1}
    assert "'gone_flag' is not declared in staging" in text_of(page)


def test_a_forged_plan_flips_nothing_that_the_role_may_not(ops):
    plan = packed((LOW, "yaml::0"), (MEDIUM, "yaml::0"), (HIGH, "yaml::0"))
    page = apply(client_of(ops), plan, follow=True)
    assert values() == {LOW: 1}
    assert text_of(page).count("need the role superadmin") == 2


@pytest.mark.parametrize("who", ["superadmin", "superuser"])
def test_a_forged_plan_flips_no_high_risk_without_elevation(declared, who):
    client = client_as(who)
    with nothing_written():
        page = apply(client, packed((HIGH, "yaml::0")), follow=True)
    assert "TOTP" in text_of(page)


@pytest.mark.parametrize("who", ["anonymous", "unstaffed", "deactivated", "support", "readonly"])
def test_a_forged_plan_of_who_may_not_see_flags_is_refused(declared, who):
    client = client_as(who)
    with nothing_written():
        response = apply(client, packed((LOW, "yaml::0")))
    assert response.status_code == (403 if who in ("support", "readonly") else 302)


TAMPERED = [
    *("", "{}", "[]", "null", "7", '"plan"', "not json", "[" * 100_000, "1" * 5_000, "NaN"),
    *(json.dumps({"env": "staging", "value": True, "flags": flags}) for flags in (None, 7, "ab")),
    *(
        json.dumps({"env": env, "value": True, "flags": []})
        for env in (None, 7, ["staging"], "production", "\ud800", "")
    ),
    *(json.dumps({"env": "staging", "value": value, "flags": []}) for value in (1, "on", None)),
    *(packed(flag) for flag in [(LOW,), (LOW, "x"), (LOW, "yaml::0", "x"), (7, "yaml::0")]),
    *(packed(flag) for flag in [(LOW, None), (LOW, "db:1:1"), (LOW, ["yaml::0"])]),
    *(packed((key, "yaml::0")) for key in ("console\0billing", "\ud800", "")),
    packed((LOW, "yaml::0"), (ALSO_LOW, "nonsense")),
]


def test_a_tampered_plan_is_400_and_flips_nothing(declared):
    client = client_as("superadmin")
    for plan in TAMPERED:
        with nothing_written():
            response = apply(client, plan)
        assert response.status_code == 400, plan[:100]
        assert "Nothing was changed." in text_of(response), plan[:100]


@pytest.mark.parametrize(("action", "value"), [("flip_on", False), ("flip_off", True)])
def test_a_plan_of_the_other_action_is_400(declared, action, value):
    client = client_as("ops")
    with nothing_written():
        response = apply(client, packed((LOW, "yaml::0"), value=value), action)
    assert response.status_code == 400


def test_a_plan_of_an_environment_that_is_not_the_active_one_is_409(declared):
    client = client_as("ops")
    with nothing_written():
        response = apply(client, packed((LOW, "yaml::0"), env="prod"))
    assert response.status_code == 409
    assert "staging is the active environment now" in text_of(response)


def test_a_plan_is_409_once_the_environment_was_switched_in_another_tab(ops):
    client = client_of(ops)
    form = form_of(pick(client, LOW))
    client.post("/console/env", {"env": "prod"})
    with nothing_written():
        assert client.post(FLAGS, form).status_code == 409
