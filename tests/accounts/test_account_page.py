"""One's own account: further devices, and the end of one's other sessions."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import OperatorSession, RecoveryCode
from audit.models import AuditEntry
from tests.codes import code_of, elevate, enrolled, is_elevated
from tests.conftest import PASSWORD, client_of, make_user
from tests.pages import audited_acts, client_as, nothing_changed, text_of

ACCOUNT, ENROL = "/console/account", "/console/account/enrol"
END = "/console/account/end-sessions"


def begin(client: Client):
    return client.post(ENROL, {"password": PASSWORD})


def confirm(client: Client, code: str):
    return client.post(ENROL, {"token": code})


def remove(client: Client, device: TOTPDevice):
    return client.post(f"{ACCOUNT}/devices/{device.pk}/remove")


def is_signed_in(client: Client) -> bool:
    return client.get(ACCOUNT).status_code == 200


def other_sessions(client: Client) -> int:
    return int(re.search(r"Other sessions of yours: (\d+)", text_of(client.get(ACCOUNT)))[1])


@pytest.fixture
def first(ops) -> TOTPDevice:
    return enrolled(ops)


@pytest.fixture
def bob(ops, first) -> Client:
    """Elevated by the first device."""
    return elevate(client_of(ops), first)


@pytest.mark.parametrize("who", ["readonly", "support", "ops", "superadmin", "superuser"])
def test_everyone_has_an_account_page_and_enrols_the_first_device_with_the_password(declared, who):
    client = client_as(who)
    assert f"You are the-{who}" in text_of(client.get(ACCOUNT))
    assert "None yet: you cannot elevate" in text_of(client.get(ACCOUNT))
    assert begin(client).status_code == 303
    assert confirm(client, code_of(TOTPDevice.objects.get())).status_code == 200
    assert "10 left" in text_of(client.get(ACCOUNT))


def test_a_second_device_needs_elevation_and_says_the_way_to_it(first, ops):
    bob = client_of(ops)
    with nothing_changed():
        for answer in (bob.get(ENROL), begin(bob)):
            assert answer.status_code == 403
            assert f"/console/elevate?next={ENROL}" in answer.content.decode().replace("%2F", "/")


def test_a_second_device_leaves_the_recovery_codes_as_they_are(bob, ops):
    RecoveryCode.objects.create(user=ops, digest="d", created_at=timezone.now())
    begin(bob)
    second = TOTPDevice.objects.get(confirmed=False)
    done = confirm(bob, code_of(second))
    assert (done.status_code, done["Location"]) == (303, "/console/account")
    assert TOTPDevice.objects.filter(confirmed=True).count() == 2
    assert [code.digest for code in RecoveryCode.objects.all()] == ["d"]


def test_a_second_device_is_not_confirmed_once_the_elevation_is_over(bob):
    begin(bob)
    second = TOTPDevice.objects.get(confirmed=False)
    bob.post("/console/elevate/drop")
    with nothing_changed():
        assert confirm(bob, code_of(second)).status_code == 403


def test_a_device_is_removed_and_its_codes_are_worth_nothing(bob, ops, first):
    second = enrolled(ops)
    assert remove(bob, second).status_code == 303
    assert list(TOTPDevice.objects.all()) == [first]
    entry = AuditEntry.objects.latest("id")
    assert entry.action == "console.operator.device_removed"
    assert entry.payload == {"operator": "bob", "device": second.pk}
    assert is_elevated(bob)


def test_the_elevations_that_a_device_gave_end_with_it(bob, ops, first):
    second = enrolled(ops)
    other = elevate(client_of(ops), second)
    assert remove(other, first).status_code == 303
    assert not is_elevated(bob)
    assert is_elevated(other)
    assert is_signed_in(bob)


def test_a_device_may_be_removed_in_the_session_that_it_elevated(bob, ops, first):
    enrolled(ops)
    assert remove(bob, first).status_code == 303
    assert is_signed_in(bob)
    assert not is_elevated(bob)


def test_the_last_device_stays(bob, ops, first):
    TOTPDevice.objects.create(user=ops, confirmed=False)
    with nothing_changed():
        refused = remove(bob, first)
    assert refused.status_code == 409
    assert "your last device" in text_of(refused)


def test_of_another_person_nothing_is_removed(bob, ops):
    enrolled(ops)
    erin = make_user("erin")
    foreign = [enrolled(erin), enrolled(erin)]
    with nothing_changed():
        assert remove(bob, foreign[0]).status_code == 409


def test_without_elevation_no_device_is_removed(ops, first):
    second, bob = enrolled(ops), client_of(ops)
    with nothing_changed():
        assert remove(bob, second).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_of_two_removals_at_the_same_moment_one_device_is_left(bob, ops, first):
    second, together = enrolled(ops), threading.Barrier(2)

    def race(device: TOTPDevice) -> int:
        browser = Client()
        browser.cookies = bob.cookies
        together.wait(20)
        try:
            return remove(browser, device).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        answers = sorted(threads.map(race, (first, second)))
    assert answers[0] == 303
    assert answers[1] in (403, 409)
    assert TOTPDevice.objects.count() == 1


def test_signing_out_everywhere_else_keeps_this_session_alone(ops, support):
    here, others, carol = client_of(ops), [client_of(ops) for _ in range(3)], client_of(support)
    assert other_sessions(here) == 3
    assert here.post(END).status_code == 303
    assert "Ended: 3 other sessions." in text_of(here.get(ACCOUNT))
    assert [is_signed_in(client) for client in (here, carol, *others)] == [True, True, *[False] * 3]
    assert AuditEntry.objects.latest("id").payload == {"operator": "bob", "sessions": 3}
    assert audited_acts() == ["sessions_ended"]
    assert other_sessions(here) == 0


def test_the_sessions_of_the_other_environments_deployment_end_too(ops):
    here, there = client_of(ops), client_of(ops)
    OperatorSession.objects.filter(pk=OperatorSession.objects.latest("pk").pk).update(env="prod")
    here.post(END)
    assert OperatorSession.objects.count() == 1
    assert not is_signed_in(there)


def test_this_session_stays_elevated_when_the_others_end(bob, ops):
    client_of(ops)
    bob.post(END)
    assert is_elevated(bob)
