"""RFC 6238 by way of the console: its vectors, the tolerance, and that time goes forward only."""

from datetime import UTC, datetime, timedelta

import pytest
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.totp import is_code, matching_step
from tests.codes import code_of, give, is_elevated
from tests.conftest import client_of

# Appendix B, the rows of SHA-1: seconds since 1970, and the eight digits.
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
KEY = b"12345678901234567890".hex()
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
STEP = timedelta(seconds=30)


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def device(ops) -> TOTPDevice:
    return TOTPDevice.objects.create(user=ops, name="authenticator", key=KEY)


@pytest.fixture
def client(ops, clock):
    return client_of(ops)


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "digits"), VECTORS)
def test_the_vectors_of_the_rfc_elevate(ops, device, time_machine, seconds, digits):
    time_machine.move_to(at(seconds), tick=False)
    client = client_of(ops)
    assert give(client, digits[-6:]).status_code == 303
    assert is_elevated(client)
    device.refresh_from_db()
    assert (device.last_t, device.last_used_at) == (seconds // 30, at(seconds))


@pytest.mark.parametrize(("seconds", "digits"), VECTORS)
def test_the_eight_digits_of_the_rfc_are_not_taken(ops, device, time_machine, seconds, digits):
    time_machine.move_to(at(seconds), tick=False)
    assert give(client_of(ops), digits).status_code == 403


@pytest.mark.parametrize("drift", [-3, 2])
@pytest.mark.parametrize(("seconds", "digits"), VECTORS[1:])
def test_a_device_whose_clock_is_off_is_asked_for_its_own_time(
    ops, device, time_machine, seconds, digits, drift
):
    TOTPDevice.objects.filter(pk=device.pk).update(drift=drift)
    time_machine.move_to(at(seconds) - drift * STEP, tick=False)
    assert give(client_of(ops), digits[-6:]).status_code == 303
    device.refresh_from_db()
    assert device.last_t == seconds // 30


@pytest.mark.parametrize(
    ("ahead", "status"), [(-3, 403), (-2, 403), (-1, 303), (0, 303), (1, 303), (2, 403), (3, 403)]
)
@pytest.mark.parametrize("late", [0, 29.999])
def test_the_step_before_and_the_step_after_are_good_and_no_other(
    client, device, clock, ahead, status, late
):
    clock.shift(late)
    assert give(client, code_of(device, ahead=ahead)).status_code == status
    assert is_elevated(client) == (status == 303)


@pytest.mark.parametrize("ahead", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("tolerance", [0, 2])
def test_the_tolerance_is_the_devices_own(client, device, tolerance, ahead):
    TOTPDevice.objects.filter(pk=device.pk).update(tolerance=tolerance)
    good = abs(ahead) <= tolerance
    assert (give(client, code_of(device, ahead=ahead)).status_code == 303) == good


@pytest.mark.parametrize(
    ("first", "then", "status"),
    [(0, 0, 403), (0, -1, 403), (1, 0, 403), (1, -1, 403), (0, 1, 303), (-1, 0, 303), (-1, 1, 303)],
)
def test_after_a_step_only_a_later_one_is_good(client, device, first, then, status):
    assert give(client, code_of(device, ahead=first)).status_code == 303
    step = TOTPDevice.objects.get().last_t
    assert give(client, code_of(device, ahead=then)).status_code == status
    later = then - first if status == 303 else 0
    assert TOTPDevice.objects.get().last_t == step + later


def test_a_clock_that_was_put_back_makes_no_used_code_good_again(client, device, clock):
    clock.shift(300)
    assert give(client, code_of(device)).status_code == 303
    clock.move_to(NOW, tick=False)
    assert give(client_of(device.user), code_of(device)).status_code == 403


def test_a_code_of_two_steps_is_the_later_one_of_them(device, monkeypatch):
    monkeypatch.setattr("accounts.totp.TOTP.token", lambda clock: 42)
    device.last_t = NOW.timestamp() // 30
    assert matching_step(device, "000042", NOW) == NOW.timestamp() // 30 + 1


def test_no_step_before_the_first_one_is_good(device):
    assert matching_step(device, code_of(device, at=at(0)), at(0)) == 0
    assert matching_step(device, "000000", at(0)) is None


@pytest.mark.parametrize("text", ["000000", "012345", "999999"])
def test_six_digits_are_a_code(text):
    assert is_code(text)


@pytest.mark.parametrize(
    "text", ["", "12345", "1234567", "12345a", "123456\n", " 123456", "١٢٣٤٥٦"]
)
def test_anything_else_is_none(text):
    assert not is_code(text)
