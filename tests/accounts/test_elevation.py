"""Elevation belongs to one session, for an absolute time, and needs a proof of everyone."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import OperatorSession
from audit.models import AuditEntry
from flags.models import FeatureFlag
from tests.accounts.conftest import NOW
from tests.codes import code_of, elevate, elevated_client, enrolled, give, is_elevated
from tests.conftest import client_of
from tests.pages import HIGH, flip_form, flip_url, text_of

pytestmark = pytest.mark.usefixtures("clock")
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def device(superadmin):
    return enrolled(superadmin)


@pytest.fixture
def client(device):
    return client_of(device.user)


def key_of(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def with_key(key: str) -> Client:
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/console/").status_code == 200


def flips_high(client: Client) -> bool:
    """Whether this browser may flip a high-risk flag now; it tries."""
    state = "off" if FeatureFlag.objects.filter(flag_key=HIGH, value=1).exists() else "on"
    before = AuditEntry.objects.filter(action="console.flag.flip").count()
    status = client.post(flip_url(HIGH), flip_form(HIGH, state)).status_code
    assert status in (303, 403)
    assert AuditEntry.objects.filter(action="console.flag.flip").count() - before == (status == 303)
    return status == 303


def test_without_a_code_nobody_is_elevated(client):
    assert not is_elevated(client)
    assert not flips_high(client)


def test_a_code_elevates(client, device):
    response = give(client, code_of(device))
    assert (response.status_code, response["Location"]) == (303, "/console/")
    assert is_elevated(client)
    assert flips_high(client)


def test_elevation_is_audited(client, device):
    give(client, code_of(device))
    entry = AuditEntry.objects.get(action="console.operator.elevated")
    assert entry.payload == {"operator": "alice", "by": "totp"}
    assert (entry.admin, entry.channel, entry.target_id) == (device.user, "console", "alice")


def test_elevation_gives_a_new_session_key_and_signs_the_old_one_out(client, device):
    before = key_of(client)
    give(client, code_of(device))
    assert key_of(client) != before
    assert is_signed_in(client)
    assert not is_signed_in(with_key(before))
    assert list(Session.objects.values_list("pk", flat=True)) == [key_of(client)]
    assert OperatorSession.objects.count() == 1


def test_what_the_session_held_stays(client, device):
    client.post("/console/env", {"env": "prod"})
    give(client, code_of(device))
    assert 'data-env="prod"' in client.get("/console/").content.decode()


def test_the_elevation_is_good_to_the_second_and_no_longer(client, device, clock):
    give(client, code_of(device))
    clock.move_to(NOW + timedelta(seconds=600) - MOMENT)
    assert is_elevated(client)
    assert flips_high(client)
    clock.move_to(NOW + timedelta(seconds=600))
    assert not is_elevated(client)
    assert not flips_high(client)
    assert is_signed_in(client)


def test_using_it_does_not_prolong_it(client, device, clock):
    give(client, code_of(device))
    for minute in range(1, 10):
        clock.move_to(NOW + timedelta(minutes=minute))
        assert is_elevated(client)
        assert flips_high(client)
    clock.move_to(NOW + timedelta(minutes=10))
    assert not is_elevated(client)


def test_the_time_left_is_shown(client, device, clock):
    give(client, code_of(device))
    for passed, left in ((0, "600"), (60.5, "539"), (599.5, "0")):
        clock.move_to(NOW + timedelta(seconds=passed))
        html = client.get("/console/flags").content.decode()
        assert re.findall(r'data-elevated-seconds="(.*?)"', html) == [left]
    assert "Elevated until 09:10:00 UTC" in text_of(client.get("/console/"))


def test_a_second_code_starts_the_time_anew(client, device, clock):
    give(client, code_of(device))
    first = key_of(client)
    clock.move_to(NOW + timedelta(minutes=9))
    assert give(client, code_of(device)).status_code == 303
    assert key_of(client) != first
    assert not is_signed_in(with_key(first))
    clock.move_to(NOW + timedelta(minutes=19) - MOMENT)
    assert is_elevated(client)
    clock.move_to(NOW + timedelta(minutes=19))
    assert not is_elevated(client)


def test_a_clock_that_was_put_back_prolongs_nothing(client, device, clock):
    give(client, code_of(device))
    clock.move_to(NOW - timedelta(hours=1))
    assert not is_elevated(client)


@pytest.mark.parametrize("seconds", [1, 90, 1800])
def test_the_setting_says_how_long(client, device, clock, settings, seconds):
    settings.ELEVATION_SECONDS = seconds
    give(client, code_of(device))
    clock.move_to(NOW + timedelta(seconds=seconds) - MOMENT)
    assert is_elevated(client)
    clock.move_to(NOW + timedelta(seconds=seconds))
    assert not is_elevated(client)


def test_another_session_of_the_same_person_is_not_elevated(client, device):
    other = client_of(device.user)
    give(client, code_of(device))
    assert not is_elevated(other)
    assert not flips_high(other)
    assert is_elevated(client)


def test_a_new_session_of_the_same_person_is_not_elevated(client, device):
    give(client, code_of(device))
    assert not is_elevated(client_of(device.user))


def test_the_data_of_an_elevated_session_under_another_key_sign_nobody_in(client, device):
    give(client, code_of(device))
    copy = SessionStore()
    copy.update(dict(client.session.items()))
    copy.create()
    assert not is_signed_in(with_key(copy.session_key))


def test_the_data_of_an_elevated_session_elevate_no_other_session(client, device):
    other = client_of(device.user)
    give(client, code_of(device))
    planted = SessionStore(key_of(other))
    planted.update(dict(client.session.items()))
    planted.save()
    assert is_signed_in(other)
    assert not is_elevated(other)


def test_one_persons_elevation_is_nobody_elses(client, device, ops):
    give(client, code_of(device))
    assert not is_elevated(client_of(ops))


def test_elevation_gives_a_role_nothing_that_it_has_not(ops):
    assert not flips_high(elevated_client(ops))


def test_a_superuser_needs_a_code_as_everyone_does(superuser):
    client = client_of(superuser)
    assert not is_elevated(client)
    assert not flips_high(client)
    assert flips_high(elevate(client, enrolled(superuser)))
