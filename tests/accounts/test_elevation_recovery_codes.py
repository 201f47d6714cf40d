"""A recovery code elevates once, says so, and is kept as a digest alone."""

import re

import pytest
from django.db import connection
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.enrolment import renew_codes
from accounts.models import OperatorSession, RecoveryCode
from tests.accounts.conftest import NOW
from tests.codes import code_of, enrolled, give, is_elevated, wrong_code
from tests.conftest import client_of, console_actor
from tests.pages import text_of

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def device(ops):
    return enrolled(ops)


@pytest.fixture
def codes(ops, device) -> list[str]:
    return codes_for(ops)


@pytest.fixture
def client(ops):
    return client_of(ops)


def codes_for(user) -> list[str]:
    return renew_codes(user, actor=console_actor(user, elevated=True), now=NOW)


def failures() -> int:
    return sum(TOTPDevice.objects.values_list("throttling_failure_count", flat=True))


def test_a_recovery_code_elevates_and_says_how_many_are_left(client, codes):
    for left in (9, 8, 7):
        assert give(client, codes.pop(), next="/console/flags").status_code == 303
        page = text_of(client.get("/console/flags"))
        assert f"Elevated by a recovery code, which is used up now: {left} left." in page
        assert "used up now" not in text_of(client.get("/console/flags"))
        assert is_elevated(client)


def test_the_last_one_says_that_none_is_left(client, codes):
    RecoveryCode.objects.exclude(digest=RecoveryCode.digest_of(codes[0])).update(used_at=NOW)
    give(client, codes[0])
    assert "used up now: 0 left" in text_of(client.get("/console/"))


def test_a_totp_code_says_nothing_of_recovery(client, device, codes):
    give(client, code_of(device))
    assert "Elevated by" not in text_of(client.get("/console/"))


@pytest.mark.parametrize(
    "typed",
    [
        str.lower,
        str.title,
        lambda code: code.replace("-", ""),
        lambda code: code.replace("-", " "),
        lambda code: "-".join(code.replace("-", "")),
        lambda code: f"\t {code}\r\n",
    ],
)
def test_case_dashes_and_blanks_are_forgiven(client, codes, typed):
    assert give(client, typed(codes[0])).status_code == 303
    assert RecoveryCode.objects.get(digest=RecoveryCode.digest_of(codes[0])).used_at == NOW
    assert RecoveryCode.objects.filter(used_at=None).count() == 9


def test_a_recovery_code_is_good_once(client, ops, codes):
    give(client, codes[0])
    response = give(client, codes[0].lower())
    assert response.status_code == 403
    assert "That recovery code was used already: each is good once." in text_of(response)
    other = client_of(ops)
    assert give(other, codes[0]).status_code == 403
    assert not is_elevated(other)
    assert failures() == 0


@pytest.mark.parametrize("wrong", ["AAAA-AAAA-AAAA-AAAA", "AAAAAAAAAAAAAAAA", "-", "- -", "a" * 40])
def test_a_wrong_recovery_code_counts_as_any_wrong_code(client, codes, wrong):
    response = give(client, wrong)
    assert (response.status_code, response["Retry-After"]) == (403, "1")
    assert failures() == 1
    assert give(client, codes[0]).status_code == 429
    assert RecoveryCode.objects.filter(used_at=None).count() == 10


def test_a_recovery_code_takes_the_failures_back(client, device, codes, clock):
    give(client, wrong_code(device))
    clock.shift(1)
    assert give(client, codes[0]).status_code == 303
    assert failures() == 0


def test_a_part_of_a_recovery_code_is_none(client, codes):
    assert give(client, codes[0][:-1]).status_code == 403
    assert not is_elevated(client)


def test_the_digest_itself_is_no_code(client, codes):
    assert give(client, RecoveryCode.digest_of(codes[0])).status_code == 403


def test_someone_elses_recovery_code_is_refused_and_stays_good(client, device, support):
    enrolled(support)
    theirs = codes_for(support)[0]
    assert give(client, theirs).status_code == 403
    assert not is_elevated(client)
    assert give(client_of(support), theirs).status_code == 303


def test_without_a_device_a_recovery_code_is_not_asked_for(client, device, codes):
    device.delete()
    assert give(client, codes[0]).status_code == 403
    assert RecoveryCode.objects.filter(used_at=None).count() == 10


def test_the_session_knows_which_code_elevated_it(client, codes):
    give(client, codes[0])
    row = OperatorSession.objects.get()
    assert row.recovery_code.digest == RecoveryCode.digest_of(codes[0])
    assert row.device is None


def test_an_elevation_goes_with_the_recovery_code_that_gave_it(client, codes):
    give(client, codes[0])
    RecoveryCode.objects.all().delete()
    assert not is_elevated(client)


def test_the_database_holds_no_recovery_code(codes):
    with connection.cursor() as cursor:
        kept = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            kept.append(repr(cursor.fetchall()).upper())
    plain = [code.replace("-", "") for code in codes]
    assert not any(code in rows for code in (*codes, *plain) for rows in kept)
    assert len(set(RecoveryCode.objects.values_list("digest", flat=True))) == 10


def test_codes_are_long_and_each_is_another(codes, ops):
    assert all(re.fullmatch(r"([A-Z2-7]{4}-){3}[A-Z2-7]{4}", code) for code in codes)
    assert len({*codes, *codes_for(ops)}) == 20
