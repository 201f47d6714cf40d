"""The commands that make operators."""

import io
import re

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from accounts.roles import Role
from audit.models import AuditEntry

pytestmark = pytest.mark.django_db

PASSWORD = "correct-horse-battery"


@pytest.fixture(autouse=True)
def _password(monkeypatch):
    monkeypatch.setenv("OPERATOR_PASSWORD", PASSWORD)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("role", Role)
def test_an_operator_is_made_with_one_role_and_can_sign_in(role):
    assert run("create_operator", "erin", "--role", role.value) == (
        f"erin can sign in as {role.value}.\n"
    )
    user = User.objects.get(username="erin")
    assert [group.name for group in user.groups.all()] == [role.value]
    assert (user.is_active, user.is_staff, user.is_superuser) == (True, True, False)
    assert user.check_password(PASSWORD)
    assert not TOTPDevice.objects.exists()


def test_the_act_is_audited_without_its_secrets():
    uri = run("create_operator", "erin", "--role", "ops", "--totp").splitlines()[1]
    entry = AuditEntry.objects.get()
    assert entry.action == "console.operator.created"
    assert (entry.channel, entry.admin, entry.target_type) == ("cli", None, "operator")
    assert entry.target_id == "erin"
    assert entry.payload == {"operator": "erin", "role": "ops", "totp": True}
    assert entry.context["os_user"]
    assert entry.actor == f"{entry.context['os_user']} (shell)"
    secret = re.search(r"secret=([A-Z2-7]+)", uri)[1]
    kept = f"{entry.payload}{entry.context}"
    assert secret not in kept
    assert PASSWORD not in kept


def test_totp_enrols_a_confirmed_device_and_prints_its_uri_once():
    out = run("create_operator", "erin", "--role", "superadmin", "--totp")
    device = TOTPDevice.objects.get(user__username="erin")
    assert device.confirmed
    [uri] = re.findall(r"^otpauth://totp/\S+$", out, re.MULTILINE)
    assert uri == device.config_url
    assert device.verify_token(totp(device.bin_key))
    assert PASSWORD not in out


@pytest.mark.parametrize(
    ("password", "complaint"),
    [
        ("short", "too short"),
        ("12345678901234", "entirely numeric"),
        ("password1234", "too common"),
        ("erin-the-operator", "too similar"),
    ],
)
def test_a_weak_password_makes_nobody(monkeypatch, password, complaint):
    monkeypatch.setenv("OPERATOR_PASSWORD", password)
    with pytest.raises(CommandError, match=complaint):
        run("create_operator", "erin-the-operator", "--role", "ops", "--totp")
    assert not User.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["erin", "--role", "admin"], "invalid choice: 'admin'"),
        (["erin", "--role", ""], "invalid choice"),
        (["erin"], "--role"),
        (["--role", "ops"], "name"),
        (["er in", "--role", "ops"], "valid username"),
        (["", "--role", "ops"], "blank"),
        (["x" * 151, "--role", "ops"], "150"),
    ],
)
def test_an_operator_that_cannot_be_made_is_refused_with_the_reason(arguments, complaint):
    with pytest.raises(CommandError, match=complaint):
        run("create_operator", *arguments)
    assert not User.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_name_that_is_taken_is_refused_and_its_operator_is_as_before(monkeypatch):
    run("create_operator", "erin", "--role", "support")
    monkeypatch.setenv("OPERATOR_PASSWORD", "another-long-secret")
    with pytest.raises(CommandError, match="already exists"):
        run("create_operator", "erin", "--role", "superadmin", "--totp")
    user = User.objects.get(username="erin")
    assert [group.name for group in user.groups.all()] == ["support"]
    assert AuditEntry.objects.count() == 1
    assert not TOTPDevice.objects.exists()


def test_a_role_without_its_group_is_refused_with_the_way_out():
    Group.objects.get(name="ops").delete()
    with pytest.raises(CommandError, match="sync_roles"):
        run("create_operator", "erin", "--role", "ops")
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [(["a-long-secret-1", "a-long-secret-2"], "differ"), ([], "No password")],
)
def test_a_password_is_prompted_for_twice(monkeypatch, typed, complaint):
    monkeypatch.delenv("OPERATOR_PASSWORD")
    answers = iter(typed)

    def ask(prompt: str) -> str:
        try:
            return next(answers)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("getpass.getpass", ask)
    with pytest.raises(CommandError, match=complaint):
        run("create_operator", "erin", "--role", "ops")
    assert not User.objects.exists()


def test_demo_operators_are_refused_outside_debug():
    with pytest.raises(CommandError, match="DEBUG"):
        run("demo_operators")
    assert not User.objects.exists()


def test_demo_operators_are_one_of_each_role_and_printed_with_what_signs_them_in(settings):
    settings.DEBUG = True
    lines = run("demo_operators").splitlines()[1:]
    assert {line.split()[1] for line in lines} == {role.value for role in Role}
    for line in lines:
        name, role, password, secret = line.split()
        user = User.objects.get(username=name)
        assert [group.name for group in user.groups.all()] == [role]
        assert user.check_password(password)
        device = TOTPDevice.objects.get(user=user)
        assert f"secret={secret}" in device.config_url


def test_demo_operators_twice_keep_their_data_and_print_the_same(settings):
    settings.DEBUG = True
    first = run("demo_operators")
    assert run("demo_operators") == first
    assert User.objects.count() == TOTPDevice.objects.count() == len(Role)
    assert AuditEntry.objects.count() == len(Role)


def test_a_password_that_was_changed_is_not_printed_any_more(settings):
    settings.DEBUG = True
    run("demo_operators")
    bob = User.objects.get(username="bob")
    bob.set_password("something-else-entirely")
    bob.save()
    [line] = [line for line in run("demo_operators").splitlines() if line.startswith("bob")]
    assert "(changed since)" in line
    assert "correct-horse" not in line
    assert "something-else" not in line


@pytest.mark.parametrize("command", ["create_operator", "sync_roles", "demo_operators"])
def test_each_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        call_command(command, "--help")
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out
