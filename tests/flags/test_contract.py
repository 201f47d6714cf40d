"""A flip through the page, as the contract promises it; and what its other tests share."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from accounts.roles import Role
from audit.models import AuditEntry
from flags.errors import UndeclaredFlag
from flags.models import FeatureFlag
from flags.state import read_state
from tests.conftest import client_of, make_user

FLAGS = "/console/flags"
LOW, MEDIUM, HIGH = "console_billing", "raptor_async_exports", "checkout_express"
ON_PAGE = "/console/flags?risk=low"
HTMX = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{ON_PAGE}"}
SIGNED_OUT = ("anonymous", "unstaffed", "deactivated")
SEE_NO_FLAGS = ("support", "readonly")
SEE_FLAGS = ("ops", "superadmin", "superuser")
EVERYONE = (*SIGNED_OUT, *SEE_NO_FLAGS, *SEE_FLAGS)


def client_as(who: str, **options) -> Client:
    """The browser of one of EVERYONE: the last two of SIGNED_OUT were shut out while signed in."""
    if who == "anonymous":
        return Client(**options)
    role = Role(who) if who in list(Role) else None
    user = make_user(f"the-{who}", role, is_superuser=who == "superuser")
    client = client_of(user, **options)
    if who in SIGNED_OUT:
        shut = {"is_staff": False} if who == "unstaffed" else {"is_active": False}
        User.objects.filter(pk=user.pk).update(**shut)
    return client


def flip_url(key: str = LOW) -> str:
    return f"{FLAGS}/{key}/flip"


def flip_form(key: str = LOW, to: str = "on", env: str = "staging") -> dict[str, str]:
    """The fields that a page drawn now would send."""
    try:
        seen = read_state(key, env).seen
    except UndeclaredFlag:
        seen = "yaml::0"
    return {"to": to, "env": env, "seen": seen}


def text_of(response: HttpResponse) -> str:
    """The answer as its reader sees it: no tags, entities read, blanks single."""
    body = re.sub(r"(?s)<(script|style).*?</\1>", "", response.content.decode())
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def rows_of(response: HttpResponse) -> dict[str, dict[str, str]]:
    """The attributes of each flag's <tr>, by flag key, in the page's order."""
    rows = {}
    for tag in re.findall(r"<tr ([^>]*data-flag=[^>]*)>", response.content.decode()):
        attributes = {name: unescape(value) for name, value in re.findall(r'([\w-]+)="(.*?)"', tag)}
        rows[attributes["data-flag"]] = attributes
    return rows


def written() -> tuple[list, list]:
    """All DB rows and all audit rows."""
    return tuple(list(model.objects.order_by("pk").values()) for model in (FeatureFlag, AuditEntry))


@contextmanager
def nothing_written() -> Iterator[None]:
    before = written()
    yield
    assert written() == before


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
