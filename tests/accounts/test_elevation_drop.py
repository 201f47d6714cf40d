"""POST /console/elevate/drop: the elevation is left early."""

import pytest
from django.conf import settings
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.models import AuditEntry
from tests.codes import DROP, code_of, elevated_client, give, is_elevated
from tests.conftest import client_of
from tests.pages import HIGH, flip_form, flip_url


@pytest.fixture
def client(superadmin):
    """An elevated one."""
    return elevated_client(superadmin)


def key_of(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def is_signed_in(client: Client) -> bool:
    return client.get("/console/").status_code == 200


def drops() -> int:
    return AuditEntry.objects.filter(action="console.operator.elevation_dropped").count()


def test_dropping_ends_the_elevation_and_nothing_else(client):
    response = client.post(DROP, {"next": "/console/flags"})
    assert (response.status_code, response["Location"]) == (303, "/console/flags")
    assert "You are no longer elevated." in client.get("/console/flags").content.decode()
    assert not is_elevated(client)
    assert is_signed_in(client)
    assert client.post(flip_url(HIGH), flip_form(HIGH)).status_code == 403
    assert drops() == 1


def test_dropping_gives_a_new_session_key_and_signs_the_old_one_out(client):
    before = key_of(client)
    client.post(DROP)
    after = key_of(client)
    assert after != before
    client.cookies[settings.SESSION_COOKIE_NAME] = before
    assert not is_signed_in(client)


@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_dropping_takes_a_post(client, method):
    response = getattr(client, method)(DROP)
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert is_elevated(client)


def test_dropping_takes_a_csrf_token(superadmin, client):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post(DROP).status_code == 403
    assert is_elevated(client)


def test_dropping_without_elevation_is_no_event(superadmin):
    client = client_of(superadmin)
    assert client.post(DROP).status_code == 303
    assert is_signed_in(client)
    assert drops() == 0


def test_dropping_it_here_leaves_it_elsewhere(superadmin, client):
    other = elevated_client(superadmin)
    other.post(DROP)
    assert is_elevated(client)


def test_after_the_drop_a_new_code_elevates_and_the_old_one_does_not(superadmin, client):
    device = TOTPDevice.objects.get()
    client.post(DROP)
    assert give(client, code_of(device)).status_code == 403
    assert give(client, code_of(device, ahead=1)).status_code == 303
