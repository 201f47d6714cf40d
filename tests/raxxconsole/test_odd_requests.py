"""Requests that no page of ours makes: refused, led nowhere, and never a 500."""

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore
from django.core.handlers.base import BaseHandler
from django.http import HttpResponse
from django.test import RequestFactory

from flags.models import DeclaredFlag, FeatureFlag
from raxxconsole.middleware import OperatorMiddleware
from tests.conftest import client_of
from tests.pages import FLAGS, nothing_written, text_of


@pytest.mark.parametrize("path", ["//evil.example/", "//evil.example/console/flags"])
def test_an_odd_query_is_dropped_without_leaving_this_host(path):
    request = RequestFactory().get("/", query_params={"q": "\0"})
    request.path = path
    response = OperatorMiddleware(lambda request: HttpResponse())(request)
    assert response["Location"] == f"/%2F{path[2:]}"


@pytest.mark.parametrize("page", ["foo", "login", "a b", "?x=1", "#x", "admin:index", ""])
def test_a_switch_that_names_no_path_leads_to_the_first_page(ops, page):
    response = client_of(ops).post("/console/env", {"env": "prod", "next": page})
    assert (response.status_code, response["Location"]) == (302, "/console/")


def test_a_switch_in_a_session_that_just_ended_leads_to_the_sign_in(ops, monkeypatch):
    client = client_of(ops)

    def ended(session, must_create=False):
        raise UpdateError

    monkeypatch.setattr(SessionStore, "save", ended)
    response = client.post("/console/env", {"env": "prod"})
    assert response.status_code == 302
    assert response["Location"].startswith("/console/login?")


@pytest.mark.parametrize("chosen", ["abc", "1\0", "9" * 30, "-1", "", "١"])
def test_a_selection_that_is_none_is_400(ops, chosen):
    with nothing_written():
        response = client_of(ops).post(
            FLAGS, {"action": "flip_on", "_selected_action": chosen, "env": "staging"}
        )
    assert response.status_code == 400


@pytest.mark.parametrize("fields", [{}, {"select_across": "1"}])
def test_a_selection_made_in_another_environment_is_409(ops, fields):
    chosen = str(DeclaredFlag.objects.filter(env="prod").first().pk)
    form = {"action": "flip_on", "_selected_action": chosen, "env": "prod", **fields}
    response = client_of(ops).post(FLAGS, form)
    assert response.status_code == 409
    assert "staging is the active environment now, and this page shows prod" in text_of(response)
    assert not FeatureFlag.objects.exists()


@pytest.mark.parametrize(
    "page",
    [
        "/console/flags?flag_key__regex=(((",
        "/console/flags?flag_key__iregex=(((",
        "/console/audit?target_id__iregex=(((",
        "/console/audit?action__regex=(((",
        "/console/audit?admin__password__startswith=a",
    ],
)
def test_a_look_up_that_is_no_filter_is_refused(ops, page):
    assert client_of(ops).get(page).status_code == 400


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/console/login", 200), ("/ofrep/v1/nowhere", 404)]
)
def test_head_is_answered_by_headers_alone(db, path, status):
    # Not by the test client, which takes the body away itself.
    handler = BaseHandler()
    handler.load_middleware()
    response = handler.get_response(RequestFactory().head(path))
    assert (response.status_code, response.content) == (status, b"")
    assert int(response["Content-Length"]) > 0


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_the_sign_in_page_takes_get_and_post_only(db, client, method):
    assert getattr(client, method)("/console/login").status_code == 405
