"""`flag_flip --totp` on a terminal, and with its standard input from elsewhere."""

import errno
import io
import os
import pty
import select
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from flags.models import FeatureFlag
from tests.codes import code_of, enrolled
from tests.flags.test_commands_flip import Terminal
from tests.pages import HIGH
from tests.processes.server import ROOT, environment

FLIP = ("flag_flip", HIGH, "on", "--env", "staging", "--reason", "INC-1: launch")
AS_ALICE = ("--as", "alice", "--totp")
ALSO_HIGH = "console_bulk_refunds"
RECOVERY = "ABCD-EFGH-IJKL-MNOP"


@pytest.fixture
def device(superadmin):
    return enrolled(superadmin)


@pytest.mark.parametrize("options", [("--yes",), ()])
def test_on_a_terminal_the_code_is_asked_for_without_an_echo(device, monkeypatch, options):
    asked = []
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    monkeypatch.setattr("getpass.getpass", lambda q: asked.append(q) or code_of(device))
    call_command(*FLIP, *AS_ALICE, *options, stdout=io.StringIO())
    assert asked == ["Code of alice: "]
    assert FeatureFlag.objects.get().value == 1


@pytest.mark.parametrize("gives_up", [EOFError, KeyboardInterrupt])
def test_who_gives_up_at_the_question_changes_nothing(device, monkeypatch, gives_up):
    def ask(question: str) -> str:
        raise gives_up

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", ask)
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command(*FLIP, *AS_ALICE, "--yes")
    assert not FeatureFlag.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_real_process_reads_the_code_from_its_standard_input(device):
    pipes = {"capture_output": True, "text": True, "timeout": 60}
    code, runs = code_of(device), []
    for key, given in ((HIGH, f"{code}\n"), (ALSO_HIGH, "")):
        command = [sys.executable, "manage.py", FLIP[0], key, *FLIP[2:], *AS_ALICE]
        runs.append(
            subprocess.run(command, cwd=ROOT, env=environment(), input=given, check=False, **pipes)
        )
    assert [(done.returncode, done.stdout) for done in runs] == [
        (0, f"{HIGH} turned on in staging.\n"),
        (1, ""),
    ]
    assert "No code was given" in runs[1].stderr
    assert code not in "".join(done.stdout + done.stderr for done in runs)


def on_a_terminal(answers: list[tuple[str, str]], *arguments: str) -> str:
    """Run `manage.py` on a terminal of its own and answer its questions; what the screen showed."""
    ours, theirs = pty.openpty()
    start = "import os, sys; os.login_tty(int(sys.argv[1])); os.execv(sys.executable, sys.argv[2:])"
    command = [sys.executable, "-c", start, str(theirs), sys.executable, "manage.py", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), pass_fds=[theirs])
    os.close(theirs)
    screen, answered = "", 0
    try:
        while select.select([ours], [], [], 60)[0]:
            try:
                shown = os.read(ours, 4096).decode()
            except OSError as error:
                assert error.errno == errno.EIO  # the other end is closed
                break
            if not shown:
                break
            screen += shown
            if answered < len(answers) and answers[answered][0] in screen:
                os.write(ours, f"{answers[answered][1]}\n".encode())
                answered += 1
        process.wait(60)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return screen


@pytest.mark.django_db(transaction=True)
def test_a_real_terminal_is_asked_whether_and_for_the_code_and_never_shows_it(device):
    code = code_of(device)
    answers = [("Turn it on? [y/N] ", "y"), ("Code of alice: ", code)]
    screen = on_a_terminal(answers, *FLIP, *AS_ALICE)
    assert screen.index("[y/N] y") < screen.index("Code of alice: ") < screen.index("turned on")
    assert code not in screen
    assert FeatureFlag.objects.get().value == 1
