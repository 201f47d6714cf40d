"""503 while the database does not answer, wherever in the request it fails."""

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import InterfaceError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from flags import flip_views, services, views
from tests.conftest import PASSWORD
from tests.pages import (
    FLAGS,
    HTMX,
    LOW,
    client_as,
    flip_form,
    flip_url,
    nothing_written,
    text_of,
)

pytestmark = pytest.mark.usefixtures("declared")
FORMS = pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
ERRORS = pytest.mark.parametrize("error", [OperationalError, InterfaceError])
PLACES = [
    (services, "write"),
    (flip_views, "flip"),
    (flip_views, "read_state"),
    (views, "closed_gate"),
]
PAGES = ["/console/", FLAGS, f"{FLAGS}/{LOW}", "/console/audit"]


def failing(error: type[Exception]):
    def fail(*args, **kwargs):
        raise error("server closed the connection unexpectedly")

    return fail


def is_503(response, headers: dict) -> None:
    assert response.status_code == 503
    assert "database does not answer" in text_of(response)
    assert "server closed" not in text_of(response)
    if headers:
        assert response["HX-Retarget"] == "#console-messages"
        assert "<html" not in response.content.decode()


@pytest.mark.parametrize(("module", "name"), PLACES, ids=[name for _, name in PLACES])
@ERRORS
@FORMS
def test_a_flip_that_the_database_fails_is_503(monkeypatch, module, name, error, headers):
    client = client_as("ops")
    form = flip_form()
    with nothing_written(), monkeypatch.context() as patch:
        patch.setattr(module, name, failing(error))
        response = client.post(flip_url(), form, headers=headers)
    is_503(response, headers)


@pytest.mark.parametrize("page", PAGES)
@ERRORS
def test_every_page_is_503_from_the_session_on(monkeypatch, page, error):
    client = client_as("ops")
    with monkeypatch.context() as patch:
        patch.setattr(BaseDatabaseWrapper, "cursor", failing(error))
        response = client.get(page)
    is_503(response, {})
    assert client.get(page).status_code == 200


@FORMS
def test_a_flip_is_503_from_the_session_on(monkeypatch, headers):
    client = client_as("ops")
    form = flip_form()
    with nothing_written(), monkeypatch.context() as patch:
        patch.setattr(BaseDatabaseWrapper, "cursor", failing(OperationalError))
        response = client.post(flip_url(), form, headers=headers)
    is_503(response, headers)


def test_signing_in_is_503(monkeypatch):
    client = client_as("anonymous")
    with monkeypatch.context() as patch:
        patch.setattr(BaseDatabaseWrapper, "cursor", failing(OperationalError))
        response = client.post("/console/login", {"username": "bob", "password": PASSWORD})
    is_503(response, {})


def test_a_choice_of_environment_that_cannot_be_kept_is_503(monkeypatch):
    client = client_as("ops")
    monkeypatch.setattr(SessionStore, "save", failing(OperationalError))
    is_503(client.post("/console/env", {"env": "prod"}), {})


def test_an_address_that_is_none_is_503_too_while_the_reader_is_not_known(monkeypatch):
    client = client_as("ops")
    with monkeypatch.context() as patch:
        patch.setattr(BaseDatabaseWrapper, "cursor", failing(OperationalError))
        is_503(client.get("/console/nowhere"), {})
