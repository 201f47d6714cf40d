"""A flip through the page, as the contract promises it."""

import re

import pytest

from audit.models import AuditEntry
from flags.models import FeatureFlag
from flags.state import read_state
from tests.conftest import client_of
from tests.pages import (
    FLAGS,
    HTMX,
    LOW,
    ON_PAGE,
    flip_form,
    flip_url,
    nothing_written,
    rows_of,
    text_of,
)


def test_htmx_gets_200_and_the_new_row_alone(ops):
    response = client_of(ops).post(flip_url(), flip_form(), headers=HTMX)

    assert response.status_code == 200
    assert response.content.decode().count("<tr") == 1
    assert rows_of(response)[LOW]["data-value"] == "on"
    assert 'id="env-banner"' not in response.content.decode()
    assert FeatureFlag.objects.get().value == 1


def test_without_javascript_303_brings_back_to_the_page_that_says_what_was_done(ops):
    bob = client_of(ops)
    response = bob.post(flip_url(), {**flip_form(), "next": ON_PAGE})

    assert response.status_code == 303
    assert response["Location"] == f"{ON_PAGE}#flag-{LOW}"
    said = text_of(bob.get(response["Location"]))
    assert f"{LOW} in staging: turned on." in said


@pytest.mark.parametrize(
    "page", ["", "https://evil.example/console/flags", "//evil.example", "/console/", "/console/fl"]
)
def test_303_brings_back_to_the_flags_page_and_nowhere_else(ops, page):
    response = client_of(ops).post(flip_url(), {**flip_form(), "next": page})
    assert (response.status_code, response["Location"]) == (303, f"{FLAGS}#flag-{LOW}")


def test_one_flip_writes_one_row_and_one_audit_row_with_the_exact_payload(ops):
    client_of(ops).post(flip_url(), flip_form(), headers={"X-Request-ID": "router-0123456789"})

    row, entry = FeatureFlag.objects.get(), AuditEntry.objects.get()
    assert (row.flag_key, row.env, row.value, row.updated_by) == (LOW, "staging", 1, ops)
    assert entry.payload == {"flag": LOW, "env": "staging", "from": False, "to": True}
    assert (entry.admin, entry.channel, entry.change_id) == (ops, "console", row.change_id)
    assert entry.context["request_id"] == "router-0123456789"


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
@pytest.mark.parametrize("to", ["on", "off"])
def test_the_value_that_the_row_has_is_answered_with_who_gave_it_and_when(ops, to, headers):
    bob = client_of(ops)
    drawn = flip_form(to=to)
    bob.post(flip_url(), drawn)
    with nothing_written():
        response = bob.post(flip_url(), drawn, headers=headers, follow=True)

    assert response.status_code == 200
    assert re.search(rf"already {to} \(bob, \d s ago\)", text_of(response))
    assert rows_of(response)[LOW]["data-seen"] == read_state(LOW, "staging").seen


@pytest.mark.parametrize("layer", ["yaml", "env"])
def test_the_value_that_a_lower_layer_gives_is_pinned(ops, monkeypatch, layer):
    to = "on" if layer == "env" else "off"
    if layer == "env":
        monkeypatch.setenv("FLAG_CONSOLE_BILLING", "on")
    drawn = flip_form(to=to)
    assert drawn["seen"].startswith(layer)

    response = client_of(ops).post(flip_url(), drawn, headers=HTMX)

    row = rows_of(response)[LOW]
    assert (response.status_code, row["data-source"], row["data-value"]) == (200, "db", to)
    assert f"pinned {to}" in text_of(response).lower()
    payload = AuditEntry.objects.get().payload
    assert payload["from"] is payload["to"] is (to == "on")


def test_the_other_environment_is_flipped_while_it_is_the_active_one(ops):
    bob = client_of(ops)
    bob.post("/console/env", {"env": "prod"})
    response = bob.post(flip_url(), flip_form(env="prod"), headers=HTMX)

    assert rows_of(response)[LOW]["data-env"] == "prod"
    assert FeatureFlag.objects.get().env == "prod"
