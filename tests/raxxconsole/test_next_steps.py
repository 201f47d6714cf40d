"""What a refusal leaves its reader with."""

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from flags.gate import GATE, ClosedGate
from flags.models import FeatureFlag
from flags.state import read_state
from tests.conftest import client_of
from tests.pages import FLAGS, LOW, flip_form, flip_url, text_of


@pytest.mark.parametrize("path", ["/healthz", "/console/login", "/console/flags"])
def test_a_host_that_is_not_ours_is_400(client, path):
    assert client.get(path, headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_who_was_signed_out_in_the_middle_of_a_flip_reads_so_on_the_login_page(
    declared, client, headers
):
    client.post(flip_url(LOW), flip_form(), headers=headers)
    page = client.get(f"/console/login?next={FLAGS}")
    assert "You were signed out before this was done: nothing was changed." in text_of(page)
    assert "signed out" not in text_of(client.get("/console/login"))


@pytest.mark.parametrize(
    ("risk", "source", "command"),
    [
        ("medium", "db", "python manage.py flag_flip"),
        ("high", "db", "python manage.py flag_flip"),
        ("high", "env", "python manage.py flag_flip"),
    ],
)
def test_the_command_that_opens_the_pages_again_is_one_that_can(
    declared, settings, tmp_path, monkeypatch, risk, source, command
):
    path = tmp_path / f"{risk}-{source}.yaml"
    path.write_text(f"{GATE}: {{default: true, description: the pages, risk: {risk}}}\n")
    settings.FEATURE_FLAGS_FILE = path
    monkeypatch.setenv("FLAG_CONSOLE_FLAG_MGMT", "0")
    if source == "db":
        FeatureFlag.objects.create(flag_key=GATE, env="staging", value=0)
    said = ClosedGate(read_state(GATE, "staging")).command
    assert said.startswith(command)
    assert said.endswith("--as <you> --totp") is (risk == "high")


def test_without_the_database_layer_a_config_var_opens_the_pages_again(declared, settings):
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    said = ClosedGate(read_state(GATE, "staging")).command
    assert said.startswith("heroku config:set FLAG_CONSOLE_FLAG_MGMT=1")


def test_the_switch_of_this_deployment_says_nothing_of_the_other_environment(ops, settings):
    client = client_of(ops)
    client.post("/console/env", {"env": "prod"})
    client.post(flip_url(LOW), flip_form(env="prod"))
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    state = read_state(LOW, "prod")
    assert (state.value, state.source) == (True, "db")
    assert "nor whether its database layer is on" in text_of(client.get(FLAGS))


@pytest.mark.parametrize("command", ["sync_flags", "sync_roles", "flag_status"])
def test_a_command_without_its_database_says_what_to_do(declared, monkeypatch, command):
    def away(*args, **kwargs):
        raise OperationalError("no such table")

    with monkeypatch.context() as patch:
        patch.setattr(BaseDatabaseWrapper, "cursor", away)
        with pytest.raises(CommandError, match=r"no such table.*run python manage\.py migrate"):
            call_command(command)
