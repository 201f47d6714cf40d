"""One config var's whole life, through what operators use: releases, flips, the table, the page."""

import io
import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.core.management import call_command
from django.utils.html import strip_tags

from audit.models import AuditEntry
from flags.heroku.table import COLUMNS
from tests.flags.heroku.reporting import CONSOLES, KEY, VAR, deployment, release, told
from tests.pages import FLAGS, client_as

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROD = CONSOLES["prod"]
UNSET = f"heroku config:unset {VAR} --app {PROD} >/dev/null 2>&1"


def in_json() -> dict:
    [line] = json.loads(told("deprecation_table", "--format", "json"))
    return line


def in_markdown() -> dict[str, str]:
    """The cells of the variable's row, by column."""
    [row] = re.findall(rf"^\| (`{VAR}`.*) \|$", told("deprecation_table", "--format", "md"), re.M)
    return dict(zip(COLUMNS, row.split(" | "), strict=True))


def on_page(client, address: str = "/console/config-vars") -> tuple[str, str]:
    """(data-state, the words of the variable's row)."""
    text = client.get(address).content.decode()
    [(state, row)] = re.findall(
        rf'(?s)<tr data-config-var="{VAR}".*?data-state="(\w+)">(.*?)</tr>', text
    )
    return state, " ".join(unescape(strip_tags(row.replace("<", " <"))).split())


def flip(env: str, to: str) -> None:
    with deployment(env, {}):
        call_command(
            "flag_flip", KEY, to, "--env", env, "--reason", "as it is", stdout=io.StringIO()
        )


@pytest.fixture
def look(superadmin):
    """The state that JSON, Markdown, both pages and the names of what is missing agree on."""
    client = client_as("ops")

    def see() -> tuple[str, list[str]]:
        line = in_json()
        shown, words = on_page(client)
        of_flag, _ = on_page(client, f"{FLAGS}/{KEY}")
        assert {line["state"], in_markdown()["state"], shown, of_flag} == {line["state"]}
        told_of = [lack["text"] for lack in line["missing"]]
        if line["loses_net"]:
            told_of.append("without it, a start while the database is away gives off")
        assert in_markdown()["what is missing"] == "; ".join(told_of)
        assert all(lack["text"] in words for lack in line["missing"])
        assert line["ready"] is (line["state"] == "ready")
        page = client.get("/console/config-vars").content.decode()
        assert (UNSET in unescape(page)) is line["ready"]
        assert (UNSET in told("deprecation_table")) is line["ready"]
        return line["state"], [lack["name"] for lack in line["missing"]]

    return see


def test_a_config_var_from_its_first_report_to_its_removal(look):
    with time_machine.travel(START, tick=False) as clock:
        release("staging")
        release("prod", {VAR: "1"})
        assert look() == ("active", ["no_row_prod", "no_row_staging", "would_change"])

        clock.shift(timedelta(hours=1))
        flip("prod", "on")
        assert look() == ("dormant", ["no_row_staging"])
        assert in_json()["dormant_since"] == "2026-03-01T13:00:00+00:00"
        assert in_json()["soaked_at"] is None

        clock.shift(timedelta(hours=2))
        flip("staging", "off")
        assert look() == ("soaking", ["soaking"])
        assert in_json()["soaked_at"] == "2026-03-02T15:00:00+00:00"
        assert "soak until 2026-03-02 15:00 UTC" in in_markdown()["what is missing"]

        clock.move_to(datetime(2026, 3, 2, 14, 59, 59, tzinfo=UTC))
        assert look()[0] == "soaking"
        clock.shift(timedelta(seconds=1))
        assert look() == ("ready", [])
        flips = {
            entry.payload["env"]: entry.pk
            for entry in AuditEntry.objects.filter(action="console.flag.flip")
        }
        assert in_json()["flips"] == flips

        # Flipped again, or reported again, it stays ready.
        flip("prod", "off")
        release("prod", {VAR: "1"})
        assert look() == ("ready", [])

        clock.shift(timedelta(hours=1))
        release("prod")
        assert look() == ("removed", [])
        assert in_json()["removed_at"] == "2026-03-02T16:00:00+00:00"
        assert in_markdown()["removed"] == "2026-03-02 16:00 UTC"
        entry = AuditEntry.objects.latest("pk")
        assert entry.action == "console.config_var.removed"
        assert entry.payload == {"flag": KEY, "env": "prod", "app": PROD, "value": True}

        # Set again it is back, where it was: the rows did not go.
        release("prod", {VAR: "0"})
        assert look() == ("ready", [])
