"""`manage.py reset_totp NAME`: the recovery of who lost device and codes."""

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import enrolment
from accounts.models import OperatorSession, RecoveryCode, User
from audit.models import AuditEntry
from audit.sentences import sentence
from tests.codes import code_of, elevate, elevated_client, enrolled, give, is_elevated
from tests.conftest import PASSWORD, client_of
from tests.pages import audited_acts, nothing_changed
from tests.processes.server import manage

ENROL = "/console/account/enrol"


def is_signed_in(client: Client) -> bool:
    return client.get("/console/account").status_code == 200


@pytest.fixture
def lost(ops) -> User:
    """bob, with two devices, one begun, and a recovery code."""
    enrolled(ops)
    enrolled(ops)
    TOTPDevice.objects.create(user=ops, confirmed=False)
    RecoveryCode.objects.create(user=ops, digest="d", created_at=timezone.now())
    return ops


def test_devices_and_codes_are_gone_those_of_others_stay(lost, support, capsys):
    theirs = enrolled(support)
    RecoveryCode.objects.create(user=support, digest="d", created_at=timezone.now())
    call_command("reset_totp", "bob")
    assert capsys.readouterr().out == (
        "bob: removed 3 TOTP device(s) and all recovery codes, ended 0 session(s). "
        "bob enrols anew on the account page.\n"
    )
    assert list(TOTPDevice.objects.all()) == [theirs]
    assert [code.user for code in RecoveryCode.objects.all()] == [support]


def test_all_sessions_end_in_every_environment_and_no_one_elses(lost, support):
    elevated, plain, carol = elevated_client(lost), client_of(lost), client_of(support)
    elsewhere = client_of(lost)
    OperatorSession.objects.filter(pk=OperatorSession.objects.latest("pk").pk).update(env="prod")
    call_command("reset_totp", "bob")
    assert [is_signed_in(one) for one in (elevated, plain, elsewhere)] == [False] * 3
    assert is_signed_in(carol)
    assert OperatorSession.objects.count() == 1


def test_it_is_audited_with_who_sat_at_the_shell(lost):
    client_of(lost)
    call_command("reset_totp", "bob")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.channel) == ("console.operator.totp_reset", "cli")
    assert (entry.admin, entry.target_id) == (None, "bob")
    assert entry.payload == {"operator": "bob", "devices": 3, "sessions": 1}
    assert {"os_user", "host"} <= set(entry.context)
    assert sentence(entry) == f"{entry.actor} reset the TOTP of bob"


def test_afterwards_the_person_enrols_anew_with_the_password_alone(lost):
    old = lost.totpdevice_set.first()
    call_command("reset_totp", "bob")
    bob = Client()
    bob.post("/console/login", {"username": "bob", "password": PASSWORD})
    assert give(bob, code_of(old)).status_code == 403
    assert bob.post(ENROL, {"password": PASSWORD}).status_code == 303
    new = TOTPDevice.objects.get()
    assert bob.post(ENROL, {"token": code_of(new)}).status_code == 200
    assert RecoveryCode.objects.filter(user=lost).count() == 10
    assert is_elevated(elevate(bob, new))
    assert audited_acts()[:2] == ["totp_reset", "signed_in"]


def test_who_has_nothing_to_reset_and_who_is_deactivated_is_reset_too(ops, capsys):
    User.objects.update(is_active=False)
    call_command("reset_totp", "bob")
    assert "removed 0 TOTP device(s)" in capsys.readouterr().out
    assert not User.objects.get().is_active
    assert audited_acts() == ["totp_reset"]


@pytest.mark.parametrize("name", ["nobody", "", "BOB", "bob ", "bob' --", "名前", "b" * 999])
def test_an_unknown_name_is_refused_and_nothing_is_removed(lost, name):
    with nothing_changed(), pytest.raises(CommandError, match="There is no operator"):
        call_command("reset_totp", name)


def test_a_database_that_is_away_is_told_with_what_to_do(lost, monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError("could not connect to server")

    monkeypatch.setattr("accounts.management.commands.reset_totp.reset_totp", away)
    with pytest.raises(CommandError, match=r"could not connect to server\. Look at the present"):
        call_command("reset_totp", "bob")


def test_all_of_it_or_nothing(lost, monkeypatch):
    client_of(lost)

    def fail(*args, **kwargs):
        raise OperationalError("the disk is full")

    monkeypatch.setattr(enrolment, "record_about", fail)
    with nothing_changed(), pytest.raises(CommandError, match="the disk is full"):
        call_command("reset_totp", "bob")


def test_the_command_explains_itself(capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("reset_totp", "--help")
    assert ended.value.code == 0
    assert "all their sessions" in " ".join(capsys.readouterr().out.split())


@pytest.mark.django_db(transaction=True)
def test_a_real_shell_resets_and_the_exit_status_tells(lost):
    bob = client_of(lost)
    done = manage("reset_totp", "bob")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("bob: removed 3 TOTP device(s) and all recovery codes, ended 1 ")
    assert not is_signed_in(bob)
    assert not TOTPDevice.objects.exists()
    assert audited_acts() == ["totp_reset"]
    refused = manage("reset_totp", "nobody", check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "CommandError: There is no operator 'nobody'.\n"
    away = manage(
        "reset_totp", "bob", check=False, DATABASE_URL="postgres://nobody@127.0.0.1:1/none"
    )
    assert away.returncode == 1
    assert "Traceback" not in away.stderr
    assert "Look at the present state before you try again" in away.stderr
