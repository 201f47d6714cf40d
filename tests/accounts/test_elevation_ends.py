"""What ends an elevation before its time, and that nothing brings it back."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import services
from accounts.enrolment import remove_device, renew_codes, reset_totp
from accounts.models import OperatorSession, User
from accounts.roles import Role
from tests.accounts.conftest import NOW
from tests.codes import elevated_client, enrolled, is_elevated
from tests.conftest import PASSWORD, console_actor, make_user
from tests.pages import HIGH, flip_form, flip_url

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def client(superadmin):
    """An elevated one."""
    return elevated_client(superadmin)


@pytest.fixture
def manager(superadmin):
    """Another superadmin, who acts with elevation."""
    return console_actor(make_user("zoe", Role.SUPERADMIN), elevated=True)


def key_of(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def is_signed_in(client: Client) -> bool:
    return client.get("/console/").status_code == 200


def test_an_elevated_session_that_was_copied_before_signing_out_is_dead_after_it(client):
    copied = key_of(client)
    client.post("/console/logout")
    client.cookies[settings.SESSION_COOKIE_NAME] = copied
    assert not is_signed_in(client)
    assert client.post(flip_url(HIGH), flip_form(HIGH)).status_code == 302
    assert not OperatorSession.objects.exists()


def test_signing_in_again_in_the_same_browser_ends_it(client):
    client.post("/console/login", {"username": "alice", "password": PASSWORD})
    assert is_signed_in(client)
    assert not is_elevated(client)
    assert OperatorSession.objects.count() == 1


def test_a_change_of_role_ends_it_for_good(superadmin, client, manager):
    services.change_role(superadmin, Role.OPS, actor=manager)
    assert is_signed_in(client)
    assert not is_elevated(client)
    services.change_role(superadmin, Role.SUPERADMIN, actor=manager)
    assert not is_elevated(client)


def test_a_role_changed_behind_the_consoles_back_ends_it(superadmin, client, manager):
    superadmin.groups.set([Group.objects.get(name="ops")])
    assert not is_elevated(client)
    services.change_role(superadmin, Role.SUPERADMIN, actor=manager)
    assert not is_elevated(client)


@pytest.mark.parametrize("names", [[], ["superadmin", "ops"], ["readonly"]])
def test_other_roles_than_those_of_the_proof_end_it(superadmin, client, names):
    superadmin.groups.set(Group.objects.filter(name__in=names))
    assert not is_elevated(client)


def test_a_changed_password_ends_it(client):
    new = "another-horse-battery"
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/console/password_change/", fields).status_code == 303
    assert is_signed_in(client)
    assert not is_elevated(client)


def test_a_password_changed_behind_the_consoles_back_ends_the_session(superadmin, client):
    superadmin.set_password("another-horse-battery")
    superadmin.save()
    assert not is_signed_in(client)


def test_it_goes_with_the_device_that_gave_it(client):
    TOTPDevice.objects.all().delete()
    assert is_signed_in(client)
    assert not is_elevated(client)


def test_removing_the_device_that_gave_it_ends_it_and_removing_another_does_not(superadmin, client):
    first, second = TOTPDevice.objects.get(), enrolled(superadmin)
    actor = console_actor(superadmin, elevated=True)
    remove_device(superadmin, second.pk, actor=actor)
    assert is_elevated(client)
    enrolled(superadmin)
    remove_device(superadmin, first.pk, actor=actor)
    assert not is_elevated(client)


def test_new_recovery_codes_leave_an_elevation_by_a_device(superadmin, client):
    renew_codes(superadmin, actor=console_actor(superadmin, elevated=True), now=NOW)
    assert is_elevated(client)


def test_a_reset_of_the_devices_ends_the_session(superadmin, client, manager):
    assert reset_totp(superadmin, actor=manager) == (1, 1)
    assert not is_signed_in(client)


def test_deactivation_ends_the_session_for_good(superadmin, client, manager):
    services.set_active(superadmin, False, actor=manager)
    assert not is_signed_in(client)
    services.set_active(superadmin, True, actor=manager)
    assert not is_signed_in(client)


def test_deactivation_behind_the_consoles_back_shuts_out_too(superadmin, client):
    User.objects.filter(pk=superadmin.pk).update(is_active=False)
    assert not is_signed_in(client)
    assert client.post(flip_url(HIGH), flip_form(HIGH)).status_code == 302


def test_a_shorter_time_is_for_those_who_are_elevated_already_too(client, clock, settings):
    clock.move_to(NOW + timedelta(seconds=60))
    settings.ELEVATION_SECONDS = 61
    assert is_elevated(client)
    settings.ELEVATION_SECONDS = 60
    assert not is_elevated(client)


@pytest.mark.parametrize(
    "fields",
    [
        {"device": None},
        {"elevated_at": None},
        {"elevated_at": NOW + timedelta(seconds=1)},
        {"elevated_roles": "ops"},
        {"elevated_roles": ""},
    ],
)
def test_half_an_elevation_is_none(client, fields):
    assert is_elevated(client)
    OperatorSession.objects.update(**fields)
    assert not is_elevated(client)
