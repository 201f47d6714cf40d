"""`flag_flip`: the same flip as the console's, from the command line."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

import flags
from audit.cli import operating_system_user
from audit.models import AuditEntry
from flags.models import FeatureFlag
from tests.processes.server import manage

pytestmark = pytest.mark.django_db

LOW, MEDIUM, HIGH = "console_billing", "raptor_async_exports", "checkout_express"


def flip(key: str = LOW, to: str = "on", *options: str, reason: str = "INC-1: launch") -> str:
    out = io.StringIO()
    arguments = [key, to, "--env", "staging", "--reason", reason, *options]
    call_command("flag_flip", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def nothing_written(declared):
    yield
    assert not FeatureFlag.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_flip_writes_the_row_and_its_audit_row_and_says_so(declared):
    assert flip(LOW, "on", "--incident", "INC-7") == f"{LOW} turned on in staging.\n"
    row, entry = FeatureFlag.objects.get(), AuditEntry.objects.get()
    assert (row.flag_key, row.env, row.value, row.updated_by) == (LOW, "staging", 1, None)
    assert row.change_id == entry.change_id
    assert (entry.action, entry.channel, entry.admin) == ("console.flag.flip", "cli", None)
    assert entry.payload == {"flag": LOW, "env": "staging", "from": False, "to": True}
    assert (entry.context["reason"], entry.context["incident"]) == ("INC-1: launch", "INC-7")
    assert flags.is_on(LOW)


def test_the_operating_system_user_is_recorded(declared):
    flip()
    entry = AuditEntry.objects.get()
    assert entry.context["os_user"] == operating_system_user()
    assert entry.context["host"]
    assert entry.actor == f"{operating_system_user()} (shell)"


def test_a_user_without_a_name_is_recorded_by_number(declared, monkeypatch):
    def nameless(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr("pwd.getpwuid", nameless)
    monkeypatch.setattr("os.getuid", lambda: 31337)
    flip()
    assert AuditEntry.objects.get().actor == "uid 31337 (shell)"


def test_what_the_caller_says_of_itself_is_not_recorded(declared, monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    flip()
    assert "somebody-else" not in str(AuditEntry.objects.values().get())


def test_an_operator_who_is_named_is_the_actor_and_the_shell_user_is_kept_too(ops):
    flip(LOW, "on", "--as", "bob")
    entry = AuditEntry.objects.get()
    assert (entry.admin, entry.actor, entry.channel) == (ops, "bob", "cli")
    assert entry.context["os_user"] == operating_system_user()
    assert FeatureFlag.objects.get().updated_by == ops


@pytest.mark.parametrize("reason", ["", " ", "\t\n"])
def test_a_blank_reason_is_refused(nothing_written, reason):
    with pytest.raises(CommandError, match="reason"):
        flip(reason=reason)


@pytest.mark.parametrize("name", ["reason", "incident"])
def test_a_placeholder_that_was_pasted_is_refused(nothing_written, name):
    told = {"reason": "why", name: "<why>"}
    with pytest.raises(CommandError, match=f"--{name} is <why>: fill it in"):
        flip(LOW, "on", "--incident", told.get("incident", "INC-1"), reason=told["reason"])


def test_a_reason_is_required(nothing_written):
    with pytest.raises(CommandError, match="--reason"):
        call_command("flag_flip", LOW, "on", "--env", "staging")


def test_an_environment_is_required(nothing_written):
    with pytest.raises(CommandError, match="--env"):
        call_command("flag_flip", LOW, "on", "--reason", "why")


@pytest.mark.parametrize(("persona", "key"), [("carol", LOW), ("dave", LOW), ("bob", MEDIUM)])
def test_the_role_of_the_operator_who_is_named_decides(
    nothing_written, ops, support, readonly, persona, key
):
    with pytest.raises(CommandError, match=f"{persona} may not"):
        flip(key, "on", "--as", persona)


def test_the_shell_alone_may_flip_medium_risk(declared):
    assert "turned on" in flip(MEDIUM)


@pytest.mark.parametrize("options", [[], ["--as", "alice"]])
def test_high_risk_is_refused_without_elevation(nothing_written, superadmin, options):
    with pytest.raises(CommandError, match="elevation"):
        flip(HIGH, "on", *options)


@pytest.mark.parametrize("name", ["nobody", "bob"])
def test_an_operator_who_is_unknown_or_gone_is_refused(nothing_written, ops, name):
    ops.is_active = False
    ops.save()
    with pytest.raises(CommandError, match=f"no active operator '{name}'"):
        flip(LOW, "on", "--as", name)


def test_an_operator_without_a_name_is_refused_and_not_taken_for_the_shell(nothing_written):
    with pytest.raises(CommandError, match="no active operator"):
        flip(LOW, "on", "--as", "")


def test_a_flip_to_the_value_that_the_row_has_is_done_and_writes_nothing(declared):
    flip()
    assert flip() == f"{LOW} is already on in staging; nothing was written.\n"
    assert AuditEntry.objects.count() == 1


def test_the_value_that_yaml_gives_is_pinned(declared):
    assert flip(LOW, "off") == f"{LOW} pinned off in staging.\n"
    assert FeatureFlag.objects.get().value == 0


def test_an_undeclared_key_is_refused_with_the_way_out(nothing_written):
    with pytest.raises(CommandError, match="not declared in staging: add it"):
        flip("no_such_flag")


def test_an_environment_that_is_not_served_is_refused(nothing_written, settings):
    settings.CONSOLE_ENVIRONMENTS = ("prod",)
    with pytest.raises(CommandError, match="use a shell of raxx-console-staging"):
        flip()


def test_the_other_environment_is_flipped_where_it_is_served(declared):
    call_command("flag_flip", LOW, "on", "--env", "prod", "--reason", "why", stdout=io.StringIO())
    assert FeatureFlag.objects.get().env == "prod"
    assert not flags.is_on(LOW)


def test_nothing_is_flipped_while_the_database_layer_is_off(nothing_written, settings):
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    with pytest.raises(CommandError, match="database layer is off"):
        flip()


@pytest.mark.parametrize("to", ["true", "1", "ON", ""])
def test_a_value_is_on_or_off(nothing_written, to):
    with pytest.raises(CommandError, match="invalid choice"):
        flip(LOW, to)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("typed", ["n\n", "\n", "yep\n", ""])
def test_a_terminal_is_asked_and_anything_but_yes_changes_nothing(
    nothing_written, monkeypatch, typed
):
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    with pytest.raises(CommandError, match="Nothing was changed"):
        flip()


@pytest.mark.parametrize(("typed", "options"), [("y\n", []), ("YES\n", []), ("", ["--yes"])])
def test_yes_on_the_terminal_or_as_an_option_flips(declared, monkeypatch, typed, options):
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert f"{LOW} turned on" in flip(LOW, "on", *options)


@pytest.mark.parametrize("command", ["flag_flip", "flag_reconcile", "flag_status", "sync_flags"])
def test_each_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        call_command(command, "--help")
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_from_a_real_shell_a_flip_ends_with_0_and_a_refusal_does_not(declared):
    arguments = ("flag_flip", LOW, "on", "--env", "staging", "--reason", "from a shell")
    assert manage(*arguments).stdout == f"{LOW} turned on in staging.\n"
    [said] = json.loads(manage("flag_status", LOW, "--json").stdout)
    assert (said["value"], said["source"]) == (True, "db")

    refused = manage("flag_flip", HIGH, *arguments[2:], check=False)
    assert refused.returncode != 0
    assert "elevation" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert AuditEntry.objects.count() == 1
