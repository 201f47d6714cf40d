"""A database that takes no changes: pages are read, and whatever writes is a 503 that says why."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.backends.signals import connection_created
from django.utils import timezone

from accounts.models import OperatorSession
from audit.failures import Failure
from raxxconsole import health, middleware, outage
from tests.conftest import PASSWORD
from tests.pages import FLAGS, HTMX, LOW, client_as, flip_form, flip_url, text_of

# Each statement on its own: one that fails would end the transaction of a test.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("declared")]
PAGES = ["/console/", FLAGS, f"{FLAGS}/{LOW}", "/console/audit", "/console/account"]
PAGES += ["/console/promotions"]


@pytest.fixture
def read_only(monkeypatch):
    """Make it so, for each session from now on."""
    monkeypatch.setattr(health, "_last", None)

    def begin(sender, connection, **kwargs) -> None:
        with connection.cursor() as cursor:
            postgres = connection.vendor == "postgresql"
            setting = "SET default_transaction_read_only = on"
            cursor.execute(setting if postgres else "PRAGMA query_only = ON")

    def make() -> None:
        connection_created.connect(begin, dispatch_uid="read_only")
        connection.close()
        if connection.vendor == "sqlite":
            monkeypatch.setattr("audit.failures.os.access", lambda path, mode: False)

    yield make
    connection_created.disconnect(dispatch_uid="read_only")
    connection.close()


def signed_in_a_while_ago():
    client = client_as("ops")
    before = timezone.now() - timedelta(minutes=5)
    OperatorSession.objects.update(last_seen_at=before)
    return client


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_read_though_nobody_can_note_that_the_session_is_in_use(page, read_only):
    client = signed_in_a_while_ago()
    read_only()
    assert client.get(page).status_code == 200


def test_the_flags_page_says_so_at_its_top(read_only):
    client = client_as("ops")
    client.get(FLAGS)
    assert "The database is read-only" not in text_of(client.get(FLAGS))
    read_only()
    assert "The database is read-only" in text_of(client.get(FLAGS))
    assert connection.connection is not None
    outage.why_not_ask()
    # A session stays as it began, whatever the server does since: the next page has a new one.
    assert connection.connection is None


def test_a_session_over_its_limits_is_over_though_its_end_cannot_be_noted(read_only):
    client = client_as("ops")
    OperatorSession.objects.update(started_at=timezone.now() - timedelta(days=2))
    read_only()
    response = client.get(FLAGS)
    assert (response.status_code, response["Location"]) == (302, f"/console/login?next={FLAGS}")


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
def test_a_flip_is_a_503_that_says_so(headers, read_only):
    client = client_as("ops")
    client.get(FLAGS)
    form = flip_form()
    read_only()
    response = client.post(flip_url(), form, headers=headers)
    assert response.status_code == 503
    assert "Not flipped: the console's database is read-only" in text_of(response)


def test_a_sign_in_is_a_503_that_says_so(read_only):
    client = client_as("anonymous")
    client_as("ops")
    read_only()
    response = client.post("/console/login", {"username": "the-ops", "password": PASSWORD})
    assert response.status_code == 503
    assert "Not done: the console's database is read-only" in text_of(response)


def test_readyz_names_the_cause_and_so_does_the_log(read_only, caplog):
    client = client_as("ops")
    client.get(FLAGS)
    read_only()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["problems"] == {"database": "the database is read-only"}
    assert "/readyz: database: the database is read-only" in caplog.messages


def test_a_session_that_cannot_be_saved_is_a_503(monkeypatch):
    """It is saved behind all other middleware, where an error would be a failure of the console."""
    client = client_as("ops")

    def fail(self, request, response):
        from tests.audit.test_failures import by_sqlite

        raise by_sqlite("SQLITE_READONLY")

    monkeypatch.setattr(middleware.SessionMiddleware, "process_response", fail)
    response = client.get(FLAGS)
    assert response.status_code == 503
    assert Failure.READ_ONLY in text_of(response)
