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
from tests.processes.flipping import flip
from tests.processes.server import ROOT, database_url, environment, manage
from tests.timed import in_time

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("declared")]

KEY = "console_billing"
FLIP = ("flag_flip", KEY, "off", "--env", "staging", "--reason", "orders fail")
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
        for (status, text, took), expected in zip(ended, COMMANDS.values(), strict=True):
            assert (status, "Traceback" in text) == (expected, False), text
            # Seven processes start beside each other, and whatever else runs.
            with in_time():
                assert took < PATIENCE_SECONDS + 20
            assert "did not answer within" in text
        for _, text, _ in ended[: len(WITH_WAYS)]:
            assert "FLAG_CONSOLE_FEATURE_FLAGS_DB=0 FLAG_CONSOLE_BILLING=0 --app raxx-cons" in text
        assert (list(FeatureFlag.objects.values()), AuditEntry.objects.count()) == before

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
        assert "read-only transaction" in done.stderr
        assert FeatureFlag.objects.get().value == 1
