"""What the page on feature flags says of the console's own pages, and of its limits."""

from unittest import mock

import yaml
from django.conf import settings
from django.db import OperationalError, connections
from django.test import Client

from accounts.models import User
from accounts.roles import Role
from audit import deadline
from flags.config_vars import GATE_KEY
from flags.declarations import DEFAULT_SOAK_HOURS
from flags.heroku.reported import IMPORT_HOLDS
from tests.conftest import client_of, make_user
from tests.pages import FLAGS, flip_form, flip_url, text_of
from tests.runbook.claimed import GATE
from tests.runbook.claims import says
from tests.runbook.console import Console, Happened
from tests.runbook.section_6 import APP, STATUS
from tests.runbook.section_6_rows import UPDATE, B
from tests.runbook.sections_1_to_5 import KEY, PAGE, turn

START = "What do I do now?"


def her_browser(console: Console) -> Client:
    """Of a superadmin, with prod active."""
    alice = User.objects.filter(username="alice").first() or make_user("alice", Role.SUPERADMIN)
    client = client_of(alice)
    assert client.post("/console/env", {"env": "prod", "next": FLAGS}).status_code in (302, 303)
    return client


@says(PAGE, START, r"the flag pages answer (\d+) ", beside=GATE, at="2")
@says(PAGE, "2", r"The flag pages answer (\d+) while", beside=GATE)
def _while_the_gate_is_shut(said: str, console: Console, it: Happened) -> None:
    with console.deployment(APP):
        client = her_browser(console)
        assert client.get(FLAGS).status_code == 200
        turn(GATE_KEY, "prod", False)
        shut = [client.get(address).status_code for address in (FLAGS, f"{FLAGS}/{KEY}")]
        turn(GATE_KEY, "prod", True)
    assert shut == [int(said)] * 2


@says(PAGE, START, r'"([^"]+)" on the flags page', beside=UPDATE, at="6.5")
@says(PAGE, "6.5", r'The flags page says "([^"]+)" until', beside=UPDATE)
def _said_of_a_row_that_sql_changed(said: str, console: Console, it: Happened) -> None:
    with console.deployment(APP):
        assert f" {said} " in text_of(her_browser(console).get(FLAGS))


@says(PAGE, "6.6", r"refuses flips and promotions \((\d+)\)", beside=B)
def _while_the_layer_is_off(said: str, console: Console, it: Happened) -> None:
    with console.deployment(APP):
        client = her_browser(console)
        flip = client.post(flip_url(KEY), flip_form(KEY, "on", "prod"))
        mark = client.post(f"{FLAGS}/{KEY}/mark-promote", {"env": "prod"})
    assert [flip.status_code, mark.status_code] == [int(said)] * 2


@says(PAGE, "6.7", r"refuses every change \((\d+)\)", beside=STATUS)
def _while_the_database_is_away(said: str, console: Console, it: Happened) -> None:
    with console.deployment(APP):
        client, form = her_browser(console), flip_form(KEY, "on", "prod")
        failure = OperationalError("away")
        with mock.patch.object(connections["default"], "cursor", side_effect=failure):
            answers = [client.post(flip_url(KEY), form), client.post("/console/env", form)]
    assert [answer.status_code for answer in answers] == [int(said)] * 2


# --- what services are told ---

OFREP = settings.BASE_DIR / "docs/ofrep.openapi.yaml"
for _words, _answer in {
    r"log says (\d+), \d+ or \d+ from": "NoToken",
    r"log says \d+, (\d+) or \d+ from": "OtherEnvironment",
    r"log says \d+, \d+ or (\d+) from": "TooOften",
    r"the token of a (\d+) and a": "OtherEnvironment",
    r"the token of a \d+ and a (\d+)": "TooOften",
    r"; (\d+): make another": "NoToken",
    r"log says (\d+) from the console": "NotKnown",
}.items():

    @says(PAGE, START, _words)
    def _documented_as(said: str, answer=_answer) -> None:
        paths = yaml.safe_load(OFREP.read_text())["paths"]
        answers = paths["/ofrep/v1/evaluate/flags"]["post"]["responses"]
        assert answers.get(said) == {"$ref": f"#/components/responses/{answer}"}


# --- limits ---


@says(PAGE, "1", r"after at most (\d+) seconds in any case")
@says(PAGE, "6.5", r"within (\d+) seconds in any case")
def _until_a_process_sees_it(said: str) -> None:
    assert int(said) == settings.FLAGS_TTL_SECONDS


@says(PAGE, "3", r"`soak_period_hours`, (\d+) if none is declared")
def _a_soak(said: str) -> None:
    assert int(said) == DEFAULT_SOAK_HOURS


@says(PAGE, "3", r"expires (\d+) hours after its soak")
def _until_a_promotion_expires(said: str) -> None:
    assert int(said) == settings.PROMOTION_EXPIRY_HOURS


@says(PAGE, "6.2", r"gives up after (\d+) seconds")
def _for_somebodys_lock(said: str) -> None:
    assert deadline._SERVER_LIMITS["lock_timeout"] == f"{said}s"


@says(PAGE, "8", r"That counts for (\d+) hours")
def _what_was_read_in(said: str) -> None:
    assert IMPORT_HOLDS.total_seconds() == int(said) * 3600
