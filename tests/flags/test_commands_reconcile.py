"""`flag_reconcile`: one flag, or all that are marked, from the command line."""

import io

import pytest
from django.core.management import CommandError, call_command

from audit.cli import operating_system_user
from audit.models import AuditEntry
from flags.management.commands import flag_reconcile
from flags.models import FeatureFlag
from flags.reconcile import marked
from tests.flags.outside import is_marked, raw_delete, raw_insert, raw_update
from tests.flags.test_flags_page import turn
from tests.pages import HIGH, LOW, MEDIUM, nothing_written

pytestmark = pytest.mark.usefixtures("declared")
REASON, INCIDENT = ("--reason", "fire"), ("--incident", "INC-7")


def run(*arguments: str, env: str = "staging") -> str:
    out = io.StringIO()
    call_command("flag_reconcile", *arguments, "--env", env, stdout=out)
    return out.getvalue()


def answered() -> list[tuple[str, bool | None]]:
    entries = AuditEntry.objects.filter(action="console.flag.reconciled").order_by("id")
    return [(entry.target_id, entry.payload["value"]) for entry in entries]


def test_one_flag_is_reconciled_and_the_log_names_shell_reason_and_incident():
    raw_insert()
    raw_insert(key=MEDIUM)
    said = run(LOW, *REASON, *INCIDENT)
    assert said == f"{LOW} in staging: reconciled (INC-7); it stays on.\n"
    entry = AuditEntry.objects.latest("id")
    assert (entry.channel, entry.admin) == ("cli", None)
    assert entry.actor == f"{operating_system_user()} (shell)"
    assert (entry.context["reason"], entry.context["incident"]) == ("fire", "INC-7")
    assert not is_marked(LOW)
    assert is_marked(MEDIUM)


def test_without_a_key_all_marked_flags_of_that_environment_are_reconciled_each_with_a_line(ops):
    for key in (LOW, MEDIUM, HIGH):
        raw_insert(key=key)
    raw_delete(MEDIUM)
    raw_insert(env="prod")
    turn(ops, "email_digest_weekly")
    assert run(*REASON, *INCIDENT).splitlines() == [
        f"{HIGH} in staging: reconciled (INC-7); it stays on.",
        f"{LOW} in staging: reconciled (INC-7); it stays on.",
        f"{MEDIUM} in staging: reconciled (INC-7); it has no row.",
    ]
    assert answered() == [(HIGH, True), (LOW, True), (MEDIUM, None)]
    assert [each.state.key for each in marked("prod")] == [LOW]


def test_where_nothing_is_marked_it_says_so_and_writes_nothing(ops):
    turn(ops)
    with nothing_written():
        assert run(*REASON, *INCIDENT) == "There is nothing to reconcile in staging.\n"
        said = run(LOW, *REASON, *INCIDENT)
        assert said.startswith(f"{LOW} in staging: nothing to reconcile: last change bob, ")
        said = run(MEDIUM, *REASON, *INCIDENT)
        assert said == f"{MEDIUM} in staging: nothing to reconcile.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*REASON, "--incident", ""), "Name the incident"),
        ((*REASON, "--incident", " \t\n"), "Name the incident"),
        ((*REASON, "--incident", "é" * 201), "longer than 200"),
        (("--reason", "", *INCIDENT), "--reason is empty"),
        (("--reason", " \n", *INCIDENT), "--reason is empty"),
        (REASON, "--incident"),
        (INCIDENT, "--reason"),
        (("no_such_flag", *REASON, *INCIDENT), "not declared in staging"),
        ((*REASON, *INCIDENT, "--as", "nobody"), "no active operator 'nobody'"),
        ((*REASON, *INCIDENT, "--as", ""), "no active operator"),
        ((*REASON, *INCIDENT, "--as", "carol"), "carol may not"),
    ],
)
def test_what_is_refused_writes_nothing(support, arguments, message):
    raw_insert()
    with nothing_written(), pytest.raises(CommandError, match=message):
        run(*arguments)


def test_an_environment_is_required_and_must_be_served(settings):
    raw_insert()
    with nothing_written(), pytest.raises(CommandError, match="--env"):
        call_command("flag_reconcile", *REASON, *INCIDENT)
    settings.CONSOLE_ENVIRONMENTS = ("prod",)
    with (
        nothing_written(),
        pytest.raises(CommandError, match="use a shell of raxx-console-staging"),
    ):
        run(*REASON, *INCIDENT)


def test_of_many_one_that_is_refused_holds_up_no_other(ops):
    for key in (HIGH, LOW, MEDIUM):
        raw_insert(key=key)
    with pytest.raises(CommandError) as refused:
        run(*REASON, *INCIDENT, "--as", "bob")
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [HIGH, MEDIUM]
    assert answered() == [(LOW, True)]
    assert AuditEntry.objects.latest("id").admin == ops


def test_high_risk_takes_the_role_of_the_operator_who_is_named_and_no_code(superadmin):
    raw_insert(key=HIGH)
    run(*REASON, *INCIDENT, "--as", "alice")
    entry = AuditEntry.objects.latest("id")
    assert (entry.actor, entry.context["os_user"]) == ("alice", operating_system_user())
    assert FeatureFlag.objects.get().updated_by == superadmin


def test_the_shell_alone_answers_for_high_risk_too():
    raw_insert(key=HIGH)
    assert "reconciled" in run(HIGH, *REASON, *INCIDENT)


def test_it_works_while_the_database_layer_is_off(settings):
    raw_insert()
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    assert "it stays on" in run(*REASON, *INCIDENT)


def test_what_was_changed_again_meanwhile_is_refused(monkeypatch):
    raw_insert()
    found = flag_reconcile.look(LOW, "staging")
    monkeypatch.setattr(flag_reconcile, "look", lambda *args: found)
    raw_update(0)
    with nothing_written(), pytest.raises(CommandError, match=f"{LOW}: It was changed again"):
        run(LOW, *REASON, *INCIDENT)


def test_it_explains_itself(capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("flag_reconcile", "--help")
    assert ended.value.code == 0
    assert "all that are marked" in capsys.readouterr().out
