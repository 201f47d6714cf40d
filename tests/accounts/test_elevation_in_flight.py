"""A request that began before an elevation or a session ended brings neither of them back."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import OperatorSession
from audit.models import AuditEntry
from raxxconsole import middleware
from tests.codes import DROP, ELEVATE, code_of, elevated_client, give, is_elevated
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("clock")
NEW = "another-horse-battery"


@pytest.fixture
def client(superadmin):
    """An elevated one; the code that elevated it may be used once more."""
    client = elevated_client(superadmin)
    TOTPDevice.objects.update(last_t=-1)
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/console/").status_code == 200


def drop(tab: Client) -> None:
    assert tab.post(DROP).status_code == 303


def elevate_anew(tab: Client) -> None:
    assert give(tab, code_of(TOTPDevice.objects.get())).status_code == 303


def sign_out(tab: Client) -> None:
    assert tab.post("/console/logout").status_code == 200


def end_all(tab: Client) -> None:
    OperatorSession.objects.all().delete()


REQUESTS = {
    "elevate": lambda tab: give(tab, code_of(TOTPDevice.objects.get(), ahead=1)),
    "drop": lambda tab: tab.post(DROP),
    "choose environment": lambda tab: tab.post("/console/env", {"env": "prod"}),
    "change password": lambda tab: tab.post(
        "/console/password_change/",
        {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW},
    ),
}
ENDS = {"dropped": drop, "elevated anew": elevate_anew, "signed out": sign_out}


@pytest.fixture
def meanwhile(monkeypatch):
    """Let something happen in the next request: it knows who asks, its view has not begun."""
    real = middleware.console_actor

    def prepare(happens):
        def actor_then(request):
            monkeypatch.setattr(middleware, "console_actor", real)
            actor = real(request)
            happens()
            return actor

        monkeypatch.setattr(middleware, "console_actor", actor_then)

    return prepare


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("request_of", REQUESTS.values(), ids=REQUESTS)
def test_a_request_whose_session_ended_does_nothing_and_leads_to_signing_in(
    superadmin, client, twin, meanwhile, request_of, end
):
    state = {}

    def ends():
        end(twin)
        state["sessions"] = list(Session.objects.values())
        state["rows"] = list(OperatorSession.objects.values())
        state["log"] = AuditEntry.objects.count()
        state["last_t"] = TOTPDevice.objects.get().last_t

    meanwhile(ends)
    response = request_of(client)
    assert response.status_code == 302
    assert response["Location"].startswith("/console/login?next=")
    assert list(Session.objects.values()) == state["sessions"]
    assert list(OperatorSession.objects.values()) == state["rows"]
    assert AuditEntry.objects.count() == state["log"]
    assert TOTPDevice.objects.get().last_t == state["last_t"]
    superadmin.refresh_from_db()
    assert superadmin.check_password(PASSWORD)
    assert not is_signed_in(client)
    assert is_signed_in(twin) == (end is not sign_out)
    assert is_elevated(twin) == (end is elevate_anew)


@pytest.mark.parametrize("request_of", [REQUESTS["elevate"], REQUESTS["drop"]])
def test_a_session_that_was_ended_from_elsewhere_stays_ended(client, meanwhile, twin, request_of):
    meanwhile(lambda: end_all(twin))
    assert request_of(client).status_code == 302
    assert not OperatorSession.objects.exists()
    assert not is_signed_in(client)
    assert not is_signed_in(twin)
    assert not Session.objects.exists()


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("page", ["/console/", "/console/flags", ELEVATE, "/console/account"])
def test_a_page_that_was_asked_for_before_writes_nothing_back(
    client, twin, meanwhile, clock, end, page
):
    clock.shift(timedelta(minutes=5))
    meanwhile(lambda: end(twin))
    client.get(page)
    assert not is_signed_in(client)
    assert is_elevated(twin) == (end is elevate_anew)
    assert Session.objects.count() == OperatorSession.objects.count() == (end is not sign_out)


def test_signing_out_ends_a_session_that_was_elevated_anew_meanwhile(client, twin, meanwhile):
    meanwhile(lambda: elevate_anew(twin))
    client.post("/console/logout")
    assert not is_signed_in(client)
    assert not is_signed_in(twin)
    assert not OperatorSession.objects.exists()
