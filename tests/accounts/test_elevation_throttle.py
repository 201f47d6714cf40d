"""Wrong codes: counted whatever happens next, waited for in sight, audited without the code."""

import re
from datetime import timedelta

import pytest
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.models import AuditEntry
from tests.accounts.conftest import NOW
from tests.codes import ELEVATE, code_of, enrolled, give, is_elevated, wrong_code
from tests.conftest import client_of
from tests.pages import text_of

pytestmark = pytest.mark.usefixtures("clock")
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def device(ops):
    return enrolled(ops)


@pytest.fixture
def client(device):
    return client_of(device.user, raise_request_exception=False)


def failures() -> list[int]:
    """The failures counted, device by device."""
    devices = TOTPDevice.objects.order_by("pk")
    return list(devices.values_list("throttling_failure_count", flat=True))


def after_failures(device: TOTPDevice, count: int) -> None:
    """As if so many codes had been wrong, the last of them just now."""
    fields = {"throttling_failure_count": count, "throttling_failure_timestamp": NOW}
    TOTPDevice.objects.filter(pk=device.pk).update(**fields)


def told_wait(response) -> tuple[str, str, str]:
    """The wait as the header has it, as the page's clock has it, and in words."""
    seconds, words = re.findall(r'data-wait="(.*?)">(.*?)<', response.content.decode())[0]
    return response["Retry-After"], seconds, words


def test_the_wait_doubles_with_each_wrong_code_up_to_a_quarter_of_an_hour(client, device, clock):
    waits = []
    for _ in range(12):
        response = give(client, wrong_code(device))
        assert response.status_code == 403
        waits.append(int(response["Retry-After"]))
        clock.shift(waits[-1])
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


@pytest.mark.parametrize("count", [30, 64, 1000, 2_000_000_000])
def test_the_wait_never_grows_beyond_it(client, device, count):
    after_failures(device, count)
    response = give(client, code_of(device))
    assert (response.status_code, response["Retry-After"]) == (429, "900")


@pytest.mark.parametrize(
    ("count", "wait", "words"),
    [(0, "1", "1 second"), (2, "4", "4 seconds"), (6, "64", "1 minute 4 seconds")],
)
def test_a_wrong_code_tells_the_wait(client, device, clock, count, wait, words):
    after_failures(device, count)
    clock.shift(3600)
    response = give(client, wrong_code(device))
    assert response.status_code == 403
    assert "That code is not right." in text_of(response)
    assert told_wait(response) == (wait, wait, words)


@pytest.mark.parametrize(("passed", "left"), [(0, "64"), (0.4, "64"), (1, "63"), (63.999, "1")])
@pytest.mark.parametrize("code", [code_of, wrong_code])
def test_a_code_during_the_wait_is_not_looked_at(client, device, clock, passed, left, code):
    after_failures(device, 7)
    clock.shift(passed)
    before = list(TOTPDevice.objects.values())
    response = give(client, code(device))
    assert response.status_code == 429
    assert "This one was not looked at" in text_of(response)
    assert told_wait(response)[:2] == (left, left)
    assert list(TOTPDevice.objects.values()) == before
    assert not is_elevated(client)


def test_the_form_tells_the_wait_before_a_code_is_typed(client, device, clock):
    after_failures(device, 4)
    clock.shift(2)
    response = client.get(ELEVATE)
    assert response.status_code == 200
    assert told_wait(response) == ("6", "6", "6 seconds")
    clock.shift(6)
    free = client.get(ELEVATE)
    assert "Retry-After" not in free
    assert "data-wait" not in free.content.decode()


def test_a_good_code_that_came_too_soon_is_good_after_the_wait(client, device, clock):
    code = code_of(device)
    give(client, wrong_code(device))
    clock.shift(timedelta(seconds=1) - MOMENT)
    assert give(client, code).status_code == 429
    clock.shift(MOMENT)
    assert give(client, code).status_code == 303
    assert is_elevated(client)


def test_a_good_code_takes_all_failures_back(client, device, clock):
    after_failures(device, 5)
    clock.shift(16)
    assert give(client, code_of(device)).status_code == 303
    assert failures() == [0]
    assert give(client, wrong_code(device))["Retry-After"] == "1"


def test_failures_count_for_the_person_not_for_the_device(client, ops, device, clock):
    second = enrolled(ops)
    for device_asked, wait in ((device, 1), (second, 2), (device, 4)):
        assert give(client, wrong_code(device_asked))["Retry-After"] == str(wait)
        assert give(client, code_of(second)).status_code == 429
        assert give(client, code_of(device)).status_code == 429
        assert told_wait(client.get(ELEVATE))[0] == str(wait)
        clock.shift(wait)
    assert sum(failures()) == 3
    assert give(client, code_of(second)).status_code == 303
    assert failures() == [0, 0]


def test_a_further_device_shortens_no_wait(client, ops, device):
    give(client, wrong_code(device))
    assert give(client, code_of(enrolled(ops))).status_code == 429


def test_failures_count_for_the_person_not_for_the_session_or_the_address(device, clock):
    give(client_of(device.user, headers={"X-Forwarded-For": "192.0.2.1"}), wrong_code(device))
    other = client_of(device.user, headers={"X-Forwarded-For": "192.0.2.2"})
    assert give(other, code_of(device)).status_code == 429


def test_one_person_waits_for_nobody_elses_failures(client, device, support):
    give(client, wrong_code(device))
    assert give(client_of(support), code_of(enrolled(support))).status_code == 303


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "broken", ["accounts.proofs.record_about", "accounts.views.elevation.render_page"]
)
def test_a_wrong_code_in_a_request_that_fails_counts(client, device, monkeypatch, broken):
    monkeypatch.setattr(broken, lambda *args, **kwargs: 1 / 0)
    assert give(client, wrong_code(device)).status_code == 500
    assert failures() == [1]
    monkeypatch.undo()
    assert give(client, code_of(device)).status_code == 429


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "broken", ["accounts.sessions.rotate", "accounts.views.elevation.record_about"]
)
def test_a_good_code_in_a_request_that_fails_counts_but_is_not_used_up(
    client, device, clock, monkeypatch, broken
):
    monkeypatch.setattr(broken, lambda *args, **kwargs: 1 / 0)
    code = code_of(device)
    assert give(client, code).status_code == 500
    assert (failures(), TOTPDevice.objects.get().last_t) == ([1], -1)
    assert not is_elevated(client)
    monkeypatch.undo()
    clock.shift(1)
    assert give(client, code).status_code == 303


def test_each_refusal_is_audited_with_its_reason(client, device, clock):
    used = code_of(device)
    give(client, used)
    give(client, used)
    give(client, wrong_code(device))
    give(client, code_of(device, ahead=1))
    entries = AuditEntry.objects.filter(action="console.operator.elevation_refused")
    reasons = ["code used before", "wrong code", "too soon"]
    assert [entry.payload for entry in entries.order_by("id")] == [
        {"operator": "bob", "reason": reason} for reason in reasons
    ]
    assert {(entry.admin, entry.actor, entry.channel) for entry in entries} == {
        (device.user, "bob", "console")
    }
    assert all(entry.created_at == NOW and entry.context["request_id"] for entry in entries)
