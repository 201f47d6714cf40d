"""Releases and roles: rows from before the chain, two `tick`s at once, a restricted role."""

import json
import subprocess
import sys

import pytest
from django.db import connection

from audit import chain
from audit.models import AuditEntry, AuditLink
from tests.processes.flipping import flip
from tests.processes.server import ROOT, environment, manage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("declared")]
KEY = "console_billing"


def verified() -> dict:
    return json.loads(manage("audit_verify", "--json", check=False).stdout)


def test_a_flip_of_prod_leaves_a_checkpoint_in_the_log_that_the_verifier_reads(tmp_path):
    done = manage("flag_flip", KEY, "on", "--env", "prod", "--reason", "launch")
    manage("flag_flip", KEY, "on", "--env", "staging", "--reason", "launch")
    log = tmp_path / "log"
    log.write_text(done.stderr)
    [checkpoint] = [json.loads(line)["checkpoint"] for line in done.stderr.splitlines()]
    assert (checkpoint["size"], checkpoint["head"]) == (1, chain.hash_at(1))
    said = manage("audit_verify", "--checkpoint", str(log))
    assert said.stdout == "2 rows checked: no damage found.\n"


def test_a_flip_of_staging_leaves_none():
    done = manage("flag_flip", KEY, "on", "--env", "staging", "--reason", "launch")
    assert "checkpoint" not in done.stdout + done.stderr


def test_a_flip_of_prod_that_is_rolled_back_leaves_none(caplog):
    from django.db import transaction

    from flags import services
    from flags.state import read_state
    from tests.processes.flipping import ACTOR

    caplog.set_level("INFO", logger="audit.checkpoints")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        seen = read_state(KEY, "prod").seen
        services.flip(KEY, "prod", True, actor=ACTOR, seen=seen)
        raise ZeroDivisionError
    assert caplog.records == []
    services.flip(KEY, "prod", True, actor=ACTOR, seen=seen)
    assert len(caplog.records) == 1


def test_ticks_that_run_at_the_same_time_seal_each_row_once():
    with connection.cursor() as cursor:
        for number in range(30):
            cursor.execute(
                "INSERT INTO console_feature_flags (flag_key, env, value) VALUES (%s, 'prod', 1)",
                [f"flag_{number}"],
            )
    command = [sys.executable, "manage.py", "tick"]
    running = [
        subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4
    assert sorted(int(line.split()[0]) for line in said) == [0, 0, 0, 30]
    assert AuditLink.objects.count() == AuditEntry.objects.count() == 30
    assert verified()["ok"]


def test_the_progress_is_for_a_terminal_alone():
    flip(KEY, True)
    for command in (("audit_verify",), ("audit_export",)):
        assert manage(*command).stderr == ""


def test_an_export_whose_reader_goes_away_ends_in_words():
    flip(KEY, True)
    writer = subprocess.Popen(
        [sys.executable, "manage.py", "audit_export"],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    writer.stdout.close()
    with writer.stderr:
        told = writer.stderr.read()
    assert writer.wait(60) == 1
    assert told == "CommandError: The reader went away: the export is not complete.\n"
