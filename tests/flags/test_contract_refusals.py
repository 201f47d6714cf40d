"""Each refused flip: its status, a message that the operator sees, and nothing written."""

import pytest
from django.conf import settings
from django.test import Client

from flags.models import DeclaredFlag, FeatureFlag
from flags.state import read_state
from tests.pages import (
    FLAGS,
    HIGH,
    HTMX,
    LOW,
    client_as,
    flip_form,
    flip_url,
    nothing_written,
    rows_of,
    text_of,
)

pytestmark = pytest.mark.usefixtures("declared")
FORMS = pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
MALFORMED = [
    *({"to": to} for to in (None, "", "ON", "1", "true", "toggle", "on\0")),
    *({"env": env} for env in (None, "", "PROD", "production", "staging\0", "*")),
    *({"seen": seen} for seen in (None, "", "db", "yaml::2", "db:nonsense:1", "env:0:1")),
    {"seen": "yaml::0\n"},
    {"seen": "x" * 10_000},
    {"to": None, "env": None, "seen": None},
]


def post(client: Client, key: str = LOW, headers: dict | None = None, **changes):
    """A flip of a page drawn now, some of its fields changed (None: left out)."""
    form = flip_form(key) | changes
    fields = {name: value for name, value in form.items() if value is not None}
    return client.post(flip_url(key), fields, headers=headers)


def is_told(response, status: int, words: str, headers: dict) -> None:
    """The operator sees the words: in the row, in the message area, or on a page of the status."""
    assert response.status_code == status
    assert words in text_of(response)
    html = response.content.decode()
    if headers:
        assert "<html" not in html
        assert rows_of(response) or response["HX-Retarget"] == "#console-messages"
    else:
        assert 'id="env-banner"' in html


@pytest.mark.parametrize("changes", MALFORMED, ids=lambda changes: str(changes)[:50])
@FORMS
def test_a_missing_or_malformed_field_is_400(changes, headers):
    client = client_as("ops")
    with nothing_written():
        response = post(client, headers=headers, **changes)
    is_told(response, 400, "Nothing was changed.", headers)


@pytest.mark.parametrize("key", ["no_such_flag", "Console_Billing", "declaredflag", "%F0%9F%9A%A9"])
@FORMS
def test_an_undeclared_flag_is_404(key, headers):
    client = client_as("superadmin")
    with nothing_written():
        response = client.post(flip_url(key), flip_form(), headers=headers)
    is_told(response, 404, "is not declared", headers)


@pytest.mark.parametrize("env", ["staging", "prod"])
@pytest.mark.parametrize("key", ["console_billing%00", "%00", "%ED%A0%80", "%FF"])
def test_an_address_that_no_flag_can_have_is_refused_on_both_databases(key, env):
    client = client_as("superadmin")
    client.post("/console/env", {"env": env})
    with nothing_written():
        assert client.post(flip_url(key), flip_form(env=env)).status_code == 404
        assert client.get(f"{FLAGS}/{key}").status_code == 404


def test_a_flag_that_one_environment_alone_declares_is_404_in_the_other():
    client = client_as("ops")
    client.post("/console/env", {"env": "prod"})
    fields = flip_form(env="prod")
    DeclaredFlag.objects.filter(env="prod", flag_key=LOW).delete()
    with nothing_written():
        assert client.post(flip_url(), fields).status_code == 404


@pytest.mark.parametrize(("active", "drawn"), [("staging", "prod"), ("prod", "staging")])
@FORMS
def test_an_environment_that_is_not_the_active_one_is_409_with_the_fresh_row(
    active, drawn, headers
):
    client = client_as("ops")
    client.post("/console/env", {"env": active})
    with nothing_written():
        response = post(client, headers=headers, **flip_form(env=drawn))
    is_told(response, 409, "is the active environment now", headers)
    if headers:
        assert rows_of(response)[LOW]["data-env"] == drawn
        assert rows_of(response)[LOW]["data-seen"] == read_state(LOW, drawn).seen


@FORMS
def test_an_environment_that_this_console_does_not_serve_is_409(settings, headers):
    settings.CONSOLE_ENVIRONMENTS = ("staging",)
    client = client_as("ops")
    with nothing_written():
        response = post(client, headers=headers, env="prod")
    is_told(response, 409, "prod", headers)


@FORMS
def test_while_the_database_layer_is_off_every_flip_is_409(settings, headers):
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    client = client_as("ops")
    with nothing_written():
        response = post(client, headers=headers)
    is_told(response, 409, "The database layer is off", headers)


@FORMS
def test_a_value_that_changed_since_the_page_was_drawn_is_409_with_the_fresh_row(headers):
    drawn = flip_form()
    first = client_as("superadmin")
    first.post(flip_url(), drawn)
    first.post(flip_url(), flip_form(to="off"))
    second = client_as("ops")
    with nothing_written():
        response = post(second, headers=headers, **drawn)
    is_told(response, 409, "It was changed meanwhile: it is off in staging", headers)
    if headers:
        assert rows_of(response)[LOW]["data-seen"] == read_state(LOW, "staging").seen
        assert rows_of(response)[LOW]["data-source"] == "db"
    else:
        assert "last changed by the-superadmin" in text_of(response)


def test_the_fresh_row_of_a_409_can_be_flipped_at_once():
    client = client_as("ops")
    refused = post(client, headers=HTMX, seen="db::1")
    assert refused.status_code == 409
    seen = rows_of(refused)[LOW]["data-seen"]
    assert post(client, headers=HTMX, seen=seen).status_code == 200
    assert FeatureFlag.objects.get().value == 1


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_every_method_but_post_is_405_and_says_which_one_is_taken(method):
    client = client_as("superadmin")
    with nothing_written():
        response = getattr(client, method)(flip_url(), headers=HTMX)
    assert (response.status_code, response["Allow"]) == (405, "POST")


@pytest.mark.parametrize("who", ["anonymous", "support", "superadmin"])
@FORMS
def test_without_a_csrf_token_403_tells_to_reload_whoever_asks(who, headers):
    client = client_as(who, enforce_csrf_checks=True)
    with nothing_written():
        response = post(client, headers=headers)
    is_told(response, 403, "Reload the page", headers)
    assert "you signed in again elsewhere" in text_of(response)


def test_the_token_of_a_page_drawn_before_signing_in_anew_is_403():
    client = client_as("ops", enforce_csrf_checks=True)
    old = client.get(FLAGS).cookies[settings.CSRF_COOKIE_NAME].value
    client.cookies[settings.CSRF_COOKIE_NAME] = "n" * 32  # as the sign-in in another tab leaves it
    with nothing_written():
        response = client.post(flip_url(), flip_form(), headers={"X-CSRFToken": old})
    assert response.status_code == 403


@FORMS
def test_elevation_is_asked_for_after_everything_else(headers):
    client = client_as("superadmin")
    with nothing_written():
        response = post(client, HIGH, headers=headers)
    is_told(response, 403, "TOTP", headers)
    if headers:
        assert rows_of(response)[HIGH]["id"] == f"flag-{HIGH}"
