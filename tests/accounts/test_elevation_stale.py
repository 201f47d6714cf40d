"""A session that ended, in the hands of a request that read it before: nothing can be written."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import sessions
from accounts.models import OperatorSession
from tests.accounts.conftest import NOW
from tests.accounts.test_elevation_in_flight import ENDS, drop, end_all, sign_out
from tests.codes import elevated_client, is_elevated

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def client(superadmin):
    """An elevated one; the code that elevated it may be used once more."""
    client = elevated_client(superadmin)
    TOTPDevice.objects.update(last_t=-1)
    return client


@pytest.fixture
def stale(client):
    """The session and its row as a request has them that began before."""
    session = SessionStore(client.cookies[settings.SESSION_COOKIE_NAME].value)
    session["active_env"] = "prod"
    return session, OperatorSession.objects.get()


def test_noting_the_use_of_a_session_brings_no_elevation_back(stale, twin, clock):
    drop(twin)
    clock.shift(300)
    sessions.touch(stale[1], timezone.now())
    row = OperatorSession.objects.get()
    assert row.last_seen_at == timezone.now()
    assert (row.elevated_at, row.device_id, row.elevated_roles) == (None, None, "")
    assert not is_elevated(twin)


@pytest.mark.parametrize("end", [sign_out, end_all])
def test_noting_the_use_of_a_session_brings_no_session_back(stale, twin, clock, end):
    end(twin)
    clock.shift(300)
    sessions.touch(stale[1], timezone.now())
    assert not OperatorSession.objects.exists()


def test_noting_the_use_of_a_session_never_puts_it_back(stale, client, clock):
    clock.shift(300)
    OperatorSession.objects.update(last_seen_at=timezone.now())
    sessions.touch(stale[1], NOW + timedelta(seconds=200))
    assert OperatorSession.objects.get().last_seen_at == timezone.now()


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_saving_a_session_that_ended_is_refused(stale, twin, end):
    end(twin)
    before = list(Session.objects.values())
    with pytest.raises(UpdateError):
        stale[0].save()
    assert list(Session.objects.values()) == before


@pytest.mark.parametrize("end", [*ENDS.values(), end_all])
@pytest.mark.parametrize("changes", [{"elevated_at": NOW, "elevated_roles": "superadmin"}, {}])
def test_rotating_a_session_that_ended_is_refused_and_leaves_nothing(stale, twin, end, changes):
    end(twin)
    before = [list(model.objects.values()) for model in (Session, OperatorSession)]
    with pytest.raises(sessions.SessionEnded):
        sessions.rotate(*stale, **changes)
    assert [list(model.objects.values()) for model in (Session, OperatorSession)] == before


def test_of_two_rotations_from_the_same_state_one_wins(stale, client):
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    sessions.drop_elevation(*stale)
    with pytest.raises(sessions.SessionEnded):
        sessions.rotate(SessionStore(key), stale[1], elevated_at=NOW)
    assert [row.pk for row in Session.objects.all()] == [stale[0].session_key]
    assert OperatorSession.objects.get().elevated_at is None
