"""Commands of the bad night while the database is there and does not do what it is asked
(PostgreSQL: SQLite gives up a lock by itself, after `timeout`)."""

import subprocess
import sys
import time
from contextlib import closing

import psycopg2
import pytest
from django.db import connection

from audit.models import AuditEntry
from flags.cli import PATIENCE_SECONDS
from flags.models import FeatureFlag
from tests.flags.heroku.stub_cli import install
from tests.processes.flipping import flip
from tests.processes.server import ROOT, database_url, environment, manage
from tests.timed import in_time

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("declared")]

KEY = "console_billing"
FLIP = ("flag_flip", KEY, "off", "--env", "staging", "--reason", "orders fail")
HOLDERS = "FROM pg_locks l JOIN pg_stat_activity a"
WITH_WAYS = {FLIP: 1, ("heroku_commands", KEY, "off", "--env", "staging"): 0}
COMMANDS = WITH_WAYS | {
    ("flag_status",): 3,
    ("flag_reconcile", "--env", "staging", "--reason", "x", "--incident", "INC-1"): 1,
    ("deprecation_table",): 1,
    ("ga_checklist",): 1,
    ("import_config_vars", "--forget", "--app", "raxx-api-staging"): 1,
}


def at_once(commands) -> list[tuple[int, str, float]]:
    """Exit status, output and duration of each, all of them running beside each other."""
    began = time.monotonic()
    started = [
        subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command in commands
    ]
    try:
        told = [each.communicate(timeout=60)[0] for each in started]
        took = time.monotonic() - began
        return [(each.returncode, text, took) for each, text in zip(started, told, strict=True)]
    finally:
        for each in started:
            each.kill()
            each.communicate()


if connection.vendor == "postgresql":

    def test_behind_a_locked_table_each_command_ends_and_says_what_is_left():
        flip(KEY, True)
        before = list(FeatureFlag.objects.values()), AuditEntry.objects.count()
        with closing(psycopg2.connect(database_url())) as holder:
            holder.cursor().execute("LOCK TABLE console_feature_flags, console_config_vars")
            ended = at_once(COMMANDS)
            holder.rollback()
        for (status, text, _), expected in zip(ended, COMMANDS.values(), strict=True):
            assert (status, "Traceback" in text) == (expected, False), text
            # The server's own word: it is there.
            assert "canceling statement due to lock timeout" in text
            assert "does not answer:" not in text
        for _, text, _ in ended[: len(WITH_WAYS)]:
            assert "The database is busy, something in it holds what was asked for" in text
            assert text.index(HOLDERS) < text.index("Option B")
            assert "FLAG_CONSOLE_FEATURE_FLAGS_DB=0 FLAG_CONSOLE_BILLING=0 --app raxx-cons" in text
        assert "THE DATABASE IS BUSY" in ended[2][1]
        assert (list(FeatureFlag.objects.values()), AuditEntry.objects.count()) == before
        # Seven processes start beside each other, and whatever else runs.
        with in_time():
            assert max(took for *_, took in ended) < PATIENCE_SECONDS + 20

    def test_a_transaction_that_somebody_left_open_is_found_and_ended_by_what_the_flip_prints():
        flip(KEY, True)
        with closing(psycopg2.connect(database_url())) as holder:
            holder.cursor().execute("UPDATE console_feature_flags SET value = 1")
            [(status, text, _)] = at_once([FLIP])
            assert status == 1
            assert f"{KEY} is on in staging (source: db)." in text
            assert "does not answer:" not in text
            first, second, *_ = (line for line in text.split("\n\n") if "Not flipped" not in line)
            assert HOLDERS in first
            assert f"flag_flip {KEY} off --env staging" in second
            look = first[first.index("SELECT") :].partition(";")[0]
            with connection.cursor() as cursor:
                cursor.execute(look)
                [(pid, *_, state, since)] = cursor.fetchall()
                assert (pid, state) == (holder.info.backend_pid, "idle in transaction")
                assert since is not None
                assert "SELECT pg_terminate_backend(<pid>);" in first
                cursor.execute(f"SELECT pg_terminate_backend({pid})")
        [(status, text, _)] = at_once([FLIP])
        assert (status, "turned off" in text) == (0, True)

    def test_what_is_run_while_the_flags_are_locked_is_in_the_log_all_the_same(tmp_path):
        cli = install(tmp_path)
        ask = ("heroku_commands", KEY, "off", "--env", "staging", "--run", "--yes")
        with closing(psycopg2.connect(database_url())) as holder:
            holder.cursor().execute("LOCK TABLE console_feature_flags")
            done = manage(*ask, "--reason", "x", PATH=cli.path)
        assert "The database is busy" in done.stderr
        assert "will not have this" not in done.stderr
        assert len(cli.asked) == 2
        assert AuditEntry.objects.filter(action="console.config_var.set_by_hand").count() == 1

    def test_on_a_read_only_database_the_ways_that_are_left_know_the_row():
        flip(KEY, True)
        url = database_url()
        joined = "&" if "?" in url else "?"
        read_only = f"{url}{joined}options=-c%20default_transaction_read_only=on"
        done = manage(*FLIP, check=False, DATABASE_URL=read_only)
        assert done.returncode == 1
        assert "# Not flipped: the database failed." in done.stdout
        assert f"{KEY} is on in staging (source: db)." in done.stdout
        assert "The database is read-only" in done.stdout
        there = done.stdout.partition("# --- The way back ---")[0]
        later = there.partition("# Once the database takes changes again: ")
        assert "# Option B" in later[0]
        assert "flag_flip" not in "".join(line for line in later[0].splitlines() if line[:1] != "#")
        assert f"flag_flip {KEY} off" in later[2]
        assert "# Once the database takes changes again: option A: change the row" in later[2]
        assert "read-only transaction" in done.stderr
        assert FeatureFlag.objects.get().value == 1
