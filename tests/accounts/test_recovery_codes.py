"""Recovery codes: made with the first device, renewed with a proof, each good once."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.enrolment import renew_codes
from accounts.models import OperatorSession, RecoveryCode, User
from accounts.refusals import ProofNeeded
from audit.models import AuditEntry
from tests.codes import code_of, elevate, elevated_client, enrolled, give, is_elevated
from tests.conftest import client_of, console_actor, make_user
from tests.pages import audited_acts, nothing_changed, recovery_codes_on, text_of

RENEW = "/console/account/recovery-codes"


@pytest.fixture
def bob(ops) -> Client:
    """Elevated."""
    return elevated_client(ops)


def codes_left(client: Client) -> int:
    page = client.get("/console/account").content.decode()
    return int(re.search(r'data-codes-left="(\d+)"', page)[1])


def test_ten_new_ones_are_shown_this_once_and_kept_as_digests(bob, ops):
    page = bob.post(RENEW)
    codes = recovery_codes_on(page)
    assert (page.status_code, len(set(codes))) == (200, 10)
    assert "no-store" in page["Cache-Control"]
    kept = str(list(RecoveryCode.objects.values()))
    for code in codes:
        assert code not in kept
        assert code.replace("-", "") not in kept
    assert {row.digest for row in ops.recovery_codes.all()} == set(
        map(RecoveryCode.digest_of, codes)
    )
    assert codes_left(bob) == 10
    assert not recovery_codes_on(bob.get("/console/account"))


def test_the_page_of_new_ones_speaks_of_no_code_that_was_given(bob):
    assert "you just gave" not in text_of(bob.post(RENEW))


def test_renewing_is_audited_without_the_codes(bob, caplog):
    codes = recovery_codes_on(bob.post(RENEW))
    entry = AuditEntry.objects.get(action="console.operator.recovery_codes_renewed")
    assert entry.payload == {"operator": "bob"}
    told = f"{entry.payload}{entry.context}" + "".join(str(vars(one)) for one in caplog.records)
    assert RENEW in told
    assert not [code for code in codes if code in told or code.replace("-", "") in told]


def test_the_old_ones_are_worth_nothing(bob, ops):
    old, new = (recovery_codes_on(bob.post(RENEW)) for _ in range(2))
    assert not set(old) & set(new)
    other = client_of(ops)
    assert give(other, old[0]).status_code == 403
    assert not is_elevated(other)
    with time_machine.travel(timezone.now() + timedelta(seconds=2), tick=False):
        assert give(other, new[0]).status_code == 303
        assert is_elevated(other)


def test_a_code_elevates_once_and_says_how_many_are_left(bob, ops):
    code = recovery_codes_on(bob.post(RENEW))[0]
    other = client_of(ops)
    assert give(other, code.lower().replace("-", " ")).status_code == 303
    assert "9 left" in text_of(other.get("/console/account"))
    assert codes_left(other) == 9
    assert give(client_of(ops), code).status_code == 403


def test_a_code_is_its_owners_alone(bob, ops):
    code = recovery_codes_on(bob.post(RENEW))[0]
    erin = make_user("erin")
    enrolled(erin)
    assert give(client_of(erin), code).status_code == 403
    assert give(client_of(ops), code).status_code == 303


def test_without_a_device_there_is_nothing_to_stand_in_for(bob, ops):
    code = recovery_codes_on(bob.post(RENEW))[0]
    ops.totpdevice_set.all().delete()
    assert give(client_of(ops), code).status_code == 403


def test_a_new_device_can_be_enrolled_with_a_recovery_code_for_a_proof(bob, ops):
    code = recovery_codes_on(bob.post(RENEW))[0]
    lost = ops.totpdevice_set.get()
    other = client_of(ops)
    give(other, code)
    other.post("/console/account/enrol", {"password": "correct-horse-battery"})
    new = ops.totpdevice_set.get(confirmed=False)
    assert other.post("/console/account/enrol", {"token": code_of(new)}).status_code == 303
    assert other.post(f"/console/account/devices/{lost.pk}/remove").status_code == 303
    assert list(ops.totpdevice_set.all()) == [new]


@pytest.mark.parametrize("is_superuser", [False, True])
def test_without_elevation_the_old_ones_stay(ops, is_superuser):
    User.objects.update(is_superuser=is_superuser)
    enrolled(ops)
    RecoveryCode.objects.create(user=ops, digest="d", created_at=timezone.now())
    bob = client_of(ops)
    with nothing_changed():
        refused = bob.post(RENEW)
        with pytest.raises(ProofNeeded):
            renew_codes(ops, actor=console_actor(ops), now=timezone.now())
    assert refused.status_code == 403


def test_the_elevation_of_another_session_renews_nothing(bob, ops):
    other = client_of(ops)
    with nothing_changed():
        assert other.post(RENEW).status_code == 403


def test_renewing_leaves_an_elevation_by_totp_as_it_is(bob):
    until = OperatorSession.objects.get().elevated_at
    bob.post(RENEW)
    assert is_elevated(bob)
    assert OperatorSession.objects.get().elevated_at == until


def test_when_few_are_left_the_account_page_warns(bob, ops):
    bob.post(RENEW)
    assert 'class="notice warning"' not in bob.get("/console/account").content.decode()
    used = RecoveryCode.objects.order_by("pk")[:8]
    RecoveryCode.objects.filter(pk__in=used.values("pk")).update(used_at=timezone.now())
    assert 'class="notice warning"' in bob.get("/console/account").content.decode()
    assert codes_left(bob) == 2


def test_the_digest_knows_the_code_however_it_was_typed():
    typed = ["ABCD-EFGH-2345-6722", "abcdefgh23456722", " abcd efgh 2345 6722\t"]
    assert len({RecoveryCode.digest_of(code) for code in typed}) == 1
    assert RecoveryCode.digest_of("ABCD-EFGH-2345-6723") != RecoveryCode.digest_of(typed[0])


def test_an_elevation_by_a_second_code_in_the_same_session_starts_anew(bob, ops):
    codes = recovery_codes_on(bob.post(RENEW))
    before = audited_acts().count("elevated")
    elevate(bob, ops.totpdevice_set.get())
    assert give(bob, codes[0]).status_code == 303
    assert audited_acts().count("elevated") == before + 2
    assert AuditEntry.objects.latest("id").payload == {"operator": "bob", "by": "recovery code"}
