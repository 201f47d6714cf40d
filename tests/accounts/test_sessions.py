"""A session lives as long as its row: in one deployment, for one person, never brought back."""

import hashlib
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts.middleware import OperatorAuthenticationMiddleware
from accounts.models import OperatorSession
from tests.accounts.conftest import NOW
from tests.accounts.test_sign_in import is_signed_in, sign_in
from tests.codes import elevated_client
from tests.conftest import client_of
from tests.pages import HTMX, text_of

pytestmark = pytest.mark.usefixtures("clock")
ENDED = "Your session is over: it was ended elsewhere. Sign in again."


@pytest.fixture
def client(ops):
    client = Client()
    sign_in(client)
    return client


def key_of(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def hash_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def test_signing_in_starts_a_session_of_this_deployment(client, ops):
    row = OperatorSession.objects.get()
    assert (row.user, row.env, row.started_at, row.last_seen_at) == (ops, "staging", NOW, NOW)
    assert row.elevated_at is None


def test_the_row_holds_the_keys_hash_and_not_the_key(client):
    row = OperatorSession.objects.values().get()
    assert row["key_hash"] == hash_of(key_of(client))
    assert key_of(client) not in repr(row)


def test_a_session_without_a_row_is_signed_out_and_told_so(client):
    OperatorSession.objects.all().delete()
    page = client.get("/console/flags", follow=True)
    assert page.redirect_chain == [("/console/login?next=/console/flags", 302)]
    assert ENDED in text_of(page)
    assert ENDED not in text_of(client.get("/console/login"))
    assert not Session.objects.exists()


def test_a_dialog_of_a_session_without_a_row_is_sent_to_sign_in(client):
    OperatorSession.objects.all().delete()
    response = client.get("/console/elevate", headers=HTMX)
    assert response.status_code == 401
    assert response["HX-Redirect"].startswith("/console/login?next=")
    assert ENDED in text_of(client.get("/console/login"))


def test_whoever_never_signed_in_is_told_nothing(ops):
    assert "Your session is over" not in text_of(Client().get("/console/flags", follow=True))
    stranger = Client()
    stranger.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
    assert "Your session is over" not in text_of(stranger.get("/console/flags", follow=True))


def test_a_session_made_by_hand_is_signed_out(client):
    copy = SessionStore()
    copy.update(dict(client.session.items()))
    copy.create()
    other = Client()
    other.cookies[settings.SESSION_COOKIE_NAME] = copy.session_key
    assert not is_signed_in(other)
    assert is_signed_in(client)


def test_a_row_of_someone_else_lets_nobody_in(client, support):
    OperatorSession.objects.update(user=support)
    assert not is_signed_in(client)


def test_a_session_of_another_deployment_is_signed_out(client, settings):
    settings.CONSOLE_ENV = "prod"
    assert ENDED in text_of(client.get("/console/flags", follow=True))
    assert not is_signed_in(client)


def test_signing_in_is_for_the_deployment_at_hand(ops, settings):
    settings.CONSOLE_ENV = "prod"
    client = Client()
    sign_in(client)
    assert OperatorSession.objects.get().env == "prod"
    assert is_signed_in(client)


def test_an_elevated_session_is_not_elevated_in_another_deployment(superadmin, settings):
    client = elevated_client(superadmin)
    settings.CONSOLE_ENV = "prod"
    assert not is_signed_in(client)


def test_the_key_hash_is_no_key(client):
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = OperatorSession.objects.get().key_hash[:32]
    assert not is_signed_in(thief)


def test_signing_in_again_takes_the_place_of_the_session(client):
    before = key_of(client)
    sign_in(client)
    assert OperatorSession.objects.get().key_hash == hash_of(key_of(client))
    assert key_of(client) != before
    old = Client()
    old.cookies[settings.SESSION_COOKIE_NAME] = before
    assert not is_signed_in(old)


def test_signing_in_as_someone_else_ends_the_session_that_was(client, ops, support):
    sign_in(client, "carol")
    assert is_signed_in(client)
    assert not OperatorSession.objects.filter(user=ops).exists()


def test_signing_in_clears_away_the_persons_sessions_of_old(client, ops, support, clock):
    client_of(support)
    clock.shift(timedelta(hours=6))
    client_of(ops)
    clock.shift(timedelta(hours=6, seconds=1))
    client_of(ops)
    started = OperatorSession.objects.filter(user=ops).order_by("started_at")
    assert [row.started_at - NOW for row in started] == [
        timedelta(hours=6),
        timedelta(hours=12, seconds=1),
    ]
    assert OperatorSession.objects.filter(user=support).count() == 1


def test_signing_out_ends_this_session_alone(client, ops):
    other = client_of(ops)
    client.post("/console/logout")
    assert not is_signed_in(client)
    assert is_signed_in(other)
    assert OperatorSession.objects.get().key_hash == hash_of(key_of(other))


WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


@pytest.mark.parametrize(
    "page",
    [
        *("/console/", "/console/flags", "/console/flags/console_billing", "/console/audit"),
        *("/console/elevate", "/console/account", "/console/account/enrol", "/console/users"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_a_request_that_only_reads_writes_nothing(superadmin, page, headers):
    client = elevated_client(superadmin)
    client.get(page)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(page, headers=headers).status_code == 200
    assert queries
    assert not [one["sql"] for one in queries if one["sql"].upper().startswith(WRITES)]


def request_of(client: Client):
    """A request of this browser, as far as the middleware that finds out who asks."""
    request = RequestFactory().get("/console/")
    cookie: SimpleCookie = client.cookies
    request.session = SessionStore(cookie[settings.SESSION_COOKIE_NAME].value)
    OperatorAuthenticationMiddleware(lambda request: None).process_request(request)
    return request


def test_an_async_view_is_told_the_same_person(superadmin):
    request = request_of(elevated_client(superadmin))
    assert async_to_sync(request.auser)() == superadmin
    assert request.user == superadmin
    assert request.elevated_until == NOW + timedelta(seconds=600)


def test_an_async_view_lets_no_ended_session_in(client):
    OperatorSession.objects.all().delete()
    request = request_of(client)
    assert async_to_sync(request.auser)().is_anonymous
    assert request.user.is_anonymous
    assert (request.operator_session, request.elevated_until) == (None, None)


def test_nothing_is_asked_of_the_database_until_someone_asks_who_it_is(client):
    with CaptureQueriesContext(connection) as queries:
        request_of(client)
    assert len(queries) == 0
