"""What a code is, whose it is, and that it is good once (runbook section 5)."""

import re

import pytest
from django.contrib.sessions.models import Session
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.models import AuditEntry
from tests.codes import code_of, enrolled, give, is_elevated, wrong_code
from tests.conftest import client_of
from tests.pages import text_of

pytestmark = pytest.mark.usefixtures("clock")
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
MATHEMATICAL = str.maketrans("0123456789", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗")


@pytest.fixture
def device(ops):
    return enrolled(ops)


@pytest.fixture
def client(device):
    return client_of(device.user, raise_request_exception=False)


def failures() -> int:
    return sum(TOTPDevice.objects.values_list("throttling_failure_count", flat=True))


def reasons() -> list[str]:
    """Why codes were refused, as the audit log has it."""
    refused = AuditEntry.objects.filter(action="console.operator.elevation_refused")
    return [entry.payload["reason"] for entry in refused.order_by("id")]


ALMOST = {
    "full width": lambda code: code.translate(FULL_WIDTH),
    "arabic": lambda code: code.translate(ARABIC),
    "mathematical": lambda code: code.translate(MATHEMATICAL),
    "one of them arabic": lambda code: code[:5] + code[5].translate(ARABIC),
    "plus": lambda code: f"+{code[1:]}",
    "plus before": lambda code: f"+{code}",
    "minus": lambda code: f"-{code}",
    "underscore": lambda code: f"{code[0]}_{code[1:]}",
    "one too few": lambda code: code[:5],
    "one too many": lambda code: f"{code}0",
    "leading zero": lambda code: f"0{code}",
    "blank within": lambda code: f"{code[:3]} {code[3:]}",
    "dash within": lambda code: f"{code[:3]}-{code[3:]}",
    "line break within": lambda code: f"{code[:3]}\n{code[3:]}",
    "fraction": lambda code: f"{code}.0",
    "hexadecimal": lambda code: hex(int(code)),
    "NUL after": lambda code: f"{code}\0",
    "NUL within": lambda code: f"{code[:3]}\0{code[3:]}",
    "NUL": lambda code: "\0",
    "twice": lambda code: code * 2,
    "10 kB": lambda code: code * 1700,
    "10 kB of letters": lambda code: "é" * 5000,
    "quotes": lambda code: f"{code}' OR '1'='1",
    "right to left": lambda code: f"\u202e{code}",
    "zero width": lambda code: f"{code[:3]}\u200b{code[3:]}",
}


@pytest.mark.parametrize("almost", ALMOST.values(), ids=ALMOST)
def test_what_is_not_six_ascii_digits_elevates_nobody(client, device, almost):
    response = give(client, almost(code_of(device)))
    assert response.status_code == 403
    assert "That code is not right." in text_of(response)
    assert not is_elevated(client)
    assert (failures(), reasons()) == (1, ["wrong code"])


@pytest.mark.parametrize("typed", [" {}", "{} ", "\t{}\r\n", "\u00a0{}\u2003"])
def test_blanks_around_a_code_are_forgiven(client, device, typed):
    assert give(client, typed.format(code_of(device))).status_code == 303


@pytest.mark.parametrize("fields", [{}, {"token": ""}, {"token": " "}, {"token": "\t\u2003\r\n"}])
def test_no_code_at_all_is_400_and_counts_nothing(client, fields):
    response = client.post("/console/elevate", fields)
    assert response.status_code == 400
    assert "Give the six digits" in text_of(response)
    assert (failures(), reasons()) == (0, [])


def test_bytes_that_are_no_text_elevate_nobody(client, device):
    form = "application/x-www-form-urlencoded"
    response = client.post("/console/elevate", b"token=%FF%FE%ED%A0%80", content_type=form)
    assert response.status_code == 403


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "raw-unicode-escape"])
def test_a_form_in_an_odd_charset_elevates_nobody_and_breaks_nothing(client, charset):
    body = '--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n\\ud800\r\n--x--\r\n'
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    answer = client.generic("POST", "/console/elevate", body.encode(), content_type=kind)
    assert answer.status_code < 500
    assert not is_elevated(client)


def test_a_code_of_someone_elses_device_elevates_nobody(client, support):
    theirs = enrolled(support)
    assert give(client, code_of(theirs)).status_code == 403
    assert not is_elevated(client)
    theirs.refresh_from_db()
    assert (theirs.last_t, theirs.throttling_failure_count) == (-1, 0)
    assert give(client_of(support), code_of(theirs)).status_code == 303


def test_a_code_of_a_device_that_was_not_confirmed_elevates_nobody(client, ops):
    pending = TOTPDevice.objects.create(user=ops, name="authenticator", confirmed=False)
    assert give(client, code_of(pending)).status_code == 403
    assert (failures(), reasons()) == (1, ["wrong code"])
    assert TOTPDevice.objects.get(pk=pending.pk).throttling_failure_count == 0


@pytest.mark.parametrize("confirmed", [False, None])
def test_without_a_confirmed_device_no_code_elevates(superadmin, confirmed):
    client, code = client_of(superadmin), "123456"
    if confirmed is False:
        device = TOTPDevice.objects.create(user=superadmin, name="new", confirmed=False)
        code = code_of(device)
    response = give(client, code)
    assert response.status_code == 403
    assert "You have no TOTP device yet" in text_of(response)
    assert 'name="token"' not in response.content.decode()
    assert (failures(), reasons()) == (0, ["not enrolled"])


@pytest.mark.parametrize("which", [0, 1])
def test_each_confirmed_device_elevates(client, ops, device, which):
    devices = [device, enrolled(ops)]
    assert give(client, code_of(devices[which])).status_code == 303
    assert [one.last_t > 0 for one in TOTPDevice.objects.order_by("pk")] == [
        which == 0,
        which == 1,
    ]


def test_a_used_code_is_refused_and_is_no_failure(client, device):
    code = code_of(device)
    assert give(client, code).status_code == 303
    response = give(client, code)
    assert response.status_code == 403
    assert "That code was used already: wait for the next one" in text_of(response)
    assert "Retry-After" not in response
    assert (failures(), reasons()) == (0, ["code used before"])
    assert give(client, code_of(device, ahead=1)).status_code == 303


def test_a_used_code_is_refused_to_another_session_too(client, device):
    code = code_of(device)
    give(client, code)
    other = client_of(device.user)
    assert give(other, code).status_code == 403
    assert not is_elevated(other)
    assert is_elevated(client)


def test_a_used_code_takes_no_earlier_failure_back(client, device, clock):
    code = code_of(device)
    give(client, code)
    for _ in range(3):
        give(client, wrong_code(device))
        clock.shift(4)
    before = TOTPDevice.objects.values().get()
    assert before["throttling_failure_count"] == 3
    assert give(client, code).status_code == 403
    assert TOTPDevice.objects.values().get() == before


def test_a_refused_code_leaves_the_session_as_it_was(client, device):
    keys = set(Session.objects.values_list("pk", flat=True))
    response = give(client, wrong_code(device))
    assert not response.cookies.get("__Host-sessionid")
    assert set(Session.objects.values_list("pk", flat=True)) == keys


def test_no_answer_repeats_the_code_that_was_typed(client, device):
    code = wrong_code(device)
    assert not re.search(code, give(client, code).content.decode())
