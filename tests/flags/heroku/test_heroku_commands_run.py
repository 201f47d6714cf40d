"""`heroku_commands --run`: asked first, in the log first, silent, and honest about what failed."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from audit.models import AuditEntry
from flags.config_vars import SWITCH
from flags.heroku import by_hand
from tests.flags.heroku.reporting import API, CONSOLES, KEY, VAR, pin
from tests.flags.heroku.stub_cli import SECRET, install
from tests.flags.test_commands_flip import Terminal
from tests.flags.test_commands_high_risk_terminal import on_a_terminal

PROD = [CONSOLES["prod"], API["prod"]]
SETTING = [["config:set", f"{VAR}=1", "--app", app] for app in PROD]
WHY = ("--reason", " pages hang ", "--incident", "INC-7")


@pytest.fixture
def cli(tmp_path, monkeypatch):
    stub = install(tmp_path)
    monkeypatch.setenv("PATH", stub.path)
    return stub


def run(*arguments: str) -> tuple[str, str, str]:
    """(standard output, standard error, what it failed with)."""
    out, err, failure = io.StringIO(), io.StringIO(), ""
    try:
        call_command(
            *("heroku_commands", KEY, "on", "--env", "prod", "--run", *arguments),
            stdout=out,
            stderr=err,
        )
    except CommandError as error:
        assert error.returncode == 1
        failure = str(error)
    return out.getvalue(), err.getvalue(), failure


def in_log() -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action="console.config_var.set_by_hand"))


def test_each_app_is_asked_once_and_the_log_has_who_what_and_why(declared, cli, capfd):
    out, err, failure = run("--yes", *WHY)
    assert (failure, err) == ("", "")
    assert cli.asked == SETTING
    assert out.endswith("raxx-console-prod: set.\nraxx-api-prod: set.\n")
    assert SECRET not in out + "".join(capfd.readouterr())
    [entry] = in_log()
    assert (entry.channel, entry.target_type, entry.target_id) == ("cli", "config_var", KEY)
    assert entry.payload == {"flag": KEY, "env": "prod", "value": True, "apps": PROD}
    assert entry.context["reason"] == "pages hang"
    assert entry.context["incident"] == "INC-7"
    assert entry.context["commands"].count(">/dev/null 2>&1") == 2
    assert "os_user" in entry.context


def test_where_a_row_wins_option_b_is_run(declared, cli):
    pin(KEY, "prod", False)
    run("--yes", *WHY)
    assert cli.asked == [["config:set", f"{SWITCH}=0", f"{VAR}=1", "--app", app] for app in PROD]


def test_the_log_has_it_before_anything_is_run(declared, cli, monkeypatch):
    seen = []
    monkeypatch.setattr(by_hand, "_failure", lambda call: seen.append(len(in_log())) or "")
    run("--yes", *WHY)
    assert seen == [1, 1]


def test_without_a_terminal_nothing_is_run_without_yes(declared, cli, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert "Nothing was run" in run(*WHY)[2]
    monkeypatch.setattr("sys.stdin", None)
    assert "Nothing was run" in run(*WHY)[2]
    assert (cli.asked, in_log()) == ([], [])


@pytest.mark.parametrize(
    ("answer", "is_run"),
    [("y", True), (" YES ", True), ("", False), ("n", False), ("yy", False), ("on", False)],
)
def test_on_a_terminal_yes_alone_runs_it(declared, cli, monkeypatch, answer, is_run):
    questions = []
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("builtins.input", lambda text: questions.append(text) or answer)
    _, _, failure = run(*WHY)
    assert bool(failure) is not is_run
    assert cli.asked == (SETTING if is_run else [])
    assert len(in_log()) == is_run
    [question] = questions
    assert question.count("heroku config:set") == 2


@pytest.mark.parametrize("gives_up", [EOFError, KeyboardInterrupt])
def test_who_gives_up_at_the_question_runs_nothing(declared, cli, monkeypatch, gives_up):
    def ask(question: str) -> str:
        raise gives_up

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("builtins.input", ask)
    assert "Nothing was run" in run(*WHY)[2]
    assert (cli.asked, in_log()) == ([], [])


def test_an_app_that_fails_is_told_and_the_others_are_still_done(declared, cli, capfd):
    cli.fail(PROD[0])
    out, _, failure = run("--yes", *WHY)
    assert cli.asked == SETTING
    assert out.endswith("raxx-console-prod: it ended with status 9.\nraxx-api-prod: set.\n")
    assert failure == "Not done on raxx-console-prod: look there, then try again."
    entry = AuditEntry.objects.get(action="console.config_var.set_by_hand_failed")
    assert (entry.payload["apps"], entry.context["incident"]) == ([PROD[0]], "INC-7")
    assert SECRET not in out + failure + "".join(capfd.readouterr())


def test_a_cli_that_hangs_is_given_up_and_what_it_did_is_not_claimed(declared, cli, monkeypatch):
    (cli.directory / "heroku").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(by_hand, "SECONDS", 0.2)
    out, _, failure = run("--yes", *WHY)
    assert out.count("whether it worked is not known") == 2
    assert failure.startswith("Not done on raxx-console-prod, raxx-api-prod")


def test_who_breaks_it_off_is_told_what_was_not_done_and_so_is_the_log(declared, cli, monkeypatch):
    made = by_hand._failure

    def broken_off(call):
        if call.app == PROD[0]:
            raise KeyboardInterrupt
        return made(call)

    monkeypatch.setattr(by_hand, "_failure", broken_off)
    _, err, failure = run("--yes", *WHY)
    assert cli.asked == []
    assert err == (
        "raxx-console-prod: broken off, whether it worked is not known.\n"
        "raxx-api-prod: not begun.\n"
    )
    assert failure.startswith("Not done on raxx-console-prod, raxx-api-prod")
    entry = AuditEntry.objects.get(action="console.config_var.set_by_hand_failed")
    assert entry.payload["apps"] == PROD


def test_a_run_without_a_reason_says_that_the_log_has_none(declared, cli):
    _, err, failure = run("--yes")
    assert (err.strip(), failure) == (
        "No --reason and no --incident: the log will not say why.",
        "",
    )


def test_a_cli_that_cannot_be_started_is_told(declared, cli):
    (cli.directory / "heroku").write_text("#!/no/such/interpreter\n")
    out, _, failure = run("--yes", *WHY)
    assert out.count("it could not be started: No such file or directory") == 2
    assert failure.startswith("Not done on")


def test_without_the_cli_the_lines_are_there_to_be_copied(declared, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    out, _, failure = run("--yes", *WHY)
    assert failure == "The heroku CLI is not installed here: copy the lines. Nothing ran."
    assert f"heroku config:set {VAR}=1 --app raxx-console-prod >/dev/null 2>&1" in out
    assert in_log() == []


def test_an_incident_that_the_log_cannot_keep_is_refused(declared, cli):
    assert "longer than 200" in run("--yes", "--incident", "x" * 201)[2]
    assert cli.asked == []


@pytest.mark.parametrize("where", ["flags.heroku.override.read_state", "flags.heroku.by_hand.note"])
def test_the_emergency_does_not_wait_for_the_log(declared, cli, monkeypatch, where):
    def fail(*arguments: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(where, fail)
    out, err, failure = run("--yes", *WHY)
    assert failure == ""
    assert [asked[-1] for asked in cli.asked] == PROD
    assert "connection refused" in err
    assert "the audit log will not have this: note it in the incident" in err
    assert in_log() == []
    assert out.endswith("raxx-api-prod: set.\n")


@pytest.mark.django_db(transaction=True)
def test_a_real_terminal_is_asked_and_shows_no_secret(declared, cli):
    ask = ("heroku_commands", KEY, "on", "--env", "prod", "--run", *WHY)
    assert "Nothing was run" in on_a_terminal([("[y/N] ", "n")], *ask)
    assert cli.asked == []
    screen = on_a_terminal([("[y/N] ", "y")], *ask)
    assert cli.asked == SETTING
    assert screen.index("Run these now?") < screen.index("raxx-console-prod: set.")
    assert SECRET not in screen
    assert len(in_log()) == 1
