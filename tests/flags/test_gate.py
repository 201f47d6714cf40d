"""The self-gate: while `console_flag_mgmt` is off, the flag pages answer 404 and say why."""

import re
import shlex
from html import unescape

import pytest
from django.core.management import call_command

from flags import runtime
from flags.models import FeatureFlag
from flags.state import read_state
from flags.sync import sync_flags
from tests.flags.test_flags_page import turn
from tests.pages import (
    FLAGS,
    HTMX,
    LOW,
    client_as,
    flip_form,
    flip_url,
    nothing_written,
    rows_of,
    text_of,
)

GATE = "console_flag_mgmt"
REQUESTS = [
    ("GET", FLAGS),
    ("POST", FLAGS),
    ("GET", f"{FLAGS}/{LOW}"),
    ("GET", f"{FLAGS}/{GATE}"),
    ("POST", flip_url()),
    ("POST", flip_url(GATE)),
]


@pytest.fixture
def close(superadmin, settings, monkeypatch, tmp_path):
    """Close the gate by one of its layers."""

    def by_row() -> None:
        turn(superadmin, GATE, False)

    def by_config_var() -> None:
        monkeypatch.setenv("FLAG_CONSOLE_FLAG_MGMT", "off")

    def by_yaml() -> None:
        shut = settings.FEATURE_FLAGS_FILE.read_text().replace(
            f"{GATE}:\n  default: true", f"{GATE}:\n  default: false"
        )
        settings.FEATURE_FLAGS_FILE = tmp_path / "shut.yaml"
        settings.FEATURE_FLAGS_FILE.write_text(shut)

    ways = {"db": by_row, "env": by_config_var, "yaml": by_yaml}
    return lambda layer="env": ways[layer]()


def command_on(response) -> list[str]:
    """The words of the command that the page prints."""
    return shlex.split(unescape(re.search(r"<code>(.*?)</code>", response.content.decode())[1]))


@pytest.mark.parametrize("layer", ["db", "env", "yaml"])
@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_every_flag_page_is_404_with_the_layer_that_closed_it(close, layer, method, path):
    close(layer)
    client = client_as("superuser")
    with nothing_written():
        response = client.get(path) if method == "GET" else client.post(path, flip_form())
    assert response.status_code == 404
    assert f"{GATE} is off in staging (source: {layer})" in text_of(response)
    assert rows_of(response) == {}


@pytest.mark.parametrize("layer", ["db", "env", "yaml"])
def test_the_command_that_the_page_prints_opens_it_again(close, layer):
    close(layer)
    client = client_as("ops")
    python, program, *command = command_on(client.get(FLAGS))
    assert (python, program) == ("python", "manage.py")
    call_command(*command)
    assert client.get(FLAGS).status_code == 200


@pytest.mark.parametrize("layer", ["env", "yaml"])
def test_while_the_database_layer_is_off_the_command_sets_the_config_var(close, settings, layer):
    close(layer)
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    command = command_on(client_as("ops").get(FLAGS))
    assert command[:3] == ["heroku", "config:set", "FLAG_CONSOLE_FLAG_MGMT=1"]
    assert ">/dev/null" in command  # config:set echoes every secret (runbook, section 6)


def test_htmx_gets_the_reason_and_the_command_as_a_message(close):
    client = client_as("ops")
    form = flip_form()
    close()
    response = client.post(flip_url(), form, headers=HTMX)
    assert (response.status_code, response["HX-Retarget"]) == (404, "#console-messages")
    assert f"manage.py flag_flip {GATE} on" in text_of(response)


def test_a_flip_that_closes_the_gate_is_still_answered(superadmin):
    client = client_as("superuser")
    response = client.post(flip_url(GATE), flip_form(GATE, to="off"), headers=HTMX)
    assert (response.status_code, rows_of(response)[GATE]["data-value"]) == (200, "off")
    assert client.get(FLAGS).status_code == 404


@pytest.mark.parametrize("who", ["support", "readonly"])
@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_who_may_not_see_flags_is_403_before_and_after_the_gate_closed(close, who, method, path):
    close()
    client = client_as(who)
    response = client.get(path) if method == "GET" else client.post(path)
    assert response.status_code == (405 if (method, path) == ("POST", f"{FLAGS}/{LOW}") else 403)
    assert GATE not in text_of(response)


@pytest.mark.parametrize("who", ["anonymous", "unstaffed", "deactivated"])
def test_signed_out_is_sent_to_sign_in_before_the_gate_is_asked(close, who):
    close()
    assert client_as(who).get(FLAGS).status_code == 302


def test_the_wrong_method_is_405_before_the_gate_is_asked(close):
    close()
    assert client_as("ops").get(flip_url()).status_code == 405


def test_a_gate_that_nobody_declares_counts_as_open(superadmin, settings, tmp_path):
    FeatureFlag.objects.create(flag_key=GATE, env="staging", value=0)
    text = settings.FEATURE_FLAGS_FILE.read_text()
    settings.FEATURE_FLAGS_FILE = tmp_path / "ungated.yaml"
    settings.FEATURE_FLAGS_FILE.write_text(re.sub(rf"{GATE}:\n(  .*\n)+", "", text))
    sync_flags(runtime.declared(), "staging", release="v2")
    page = client_as("ops").get(FLAGS)
    assert page.status_code == 200
    assert GATE not in rows_of(page)


@pytest.mark.parametrize("active", ["staging", "prod"])
def test_the_gate_is_the_deployments_own_whatever_environment_is_active(superadmin, active):
    client = client_as("ops")
    client.post("/console/env", {"env": active})
    turn(superadmin, GATE, False, env="prod")
    assert client.get(FLAGS).status_code == 200
    turn(superadmin, GATE, False, env="staging")
    assert client.get(FLAGS).status_code == 404


@pytest.mark.parametrize("path", ["/console/", "/console/audit", "/console/password_change/"])
def test_other_pages_stay_open(close, path):
    close()
    assert client_as("ops").get(path).status_code == 200


def test_the_environment_can_still_be_chosen_and_signing_out_works(close):
    close()
    client = client_as("ops")
    assert client.post("/console/env", {"env": "prod"}).status_code == 302
    assert client.post("/console/logout").status_code == 200


@pytest.mark.parametrize("layer", ["db", "env", "yaml"])
def test_the_command_line_still_flips_any_flag(close, layer):
    close(layer)
    call_command("flag_flip", LOW, "on", env="staging", reason="INC-7", yes=True)
    assert read_state(LOW, "staging").value is True
