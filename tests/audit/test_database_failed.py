"""What commands say of a database that fails them."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, ProgrammingError

from audit.cli import LOOK_FIRST, ONLY_READS, database_failed, how_it_failed, one_line

REFUSED = (
    'connection to server at "127.0.0.1", port 5432 failed: Connection refused\n'
    "\tIs the server running on that host and accepting TCP/IP connections?\n"
)
ON_ONE_LINE = (
    'connection to server at "127.0.0.1", port 5432 failed: Connection refused. '
    "Is the server running on that host and accepting TCP/IP connections?"
)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (REFUSED, ON_ONE_LINE),
        ("it is locked", "it is locked."),
        ("It is over.\n\nAsk again!\n", "It is over. Ask again!"),
        ("", ""),
        ("denied\nLINE 1: INSERT INTO t\n        ^\n", "denied."),
        ("raised\nCONTEXT:  PL/pgSQL function f() line 3\n", "raised."),
    ],
)
def test_each_line_is_a_sentence_and_a_question_stays_one(said, line):
    assert one_line(OperationalError(said)) == line


def test_what_follows_comes_after_what_the_database_said():
    said = str(database_failed(OperationalError(REFUSED)))
    assert said == f"The database does not answer as it should: {ON_ONE_LINE} {LOOK_FIRST}"


@pytest.mark.parametrize(
    ("command", "asks", "so"),
    [
        (("audit_verify",), "audit.management.commands.audit_verify.Verification", ONLY_READS),
        (
            ("deprecation_table",),
            "flags.management.commands.deprecation_table.read_table",
            ONLY_READS,
        ),
        (("sync_flags", "--check"), "flags.management.commands.sync_flags.plan_sync", ONLY_READS),
        (("sync_flags",), "flags.management.commands.sync_flags.sync_flags", LOOK_FIRST),
        # The log is told of an export before it is read.
        (("audit_export",), "audit.export.Export.write", LOOK_FIRST),
    ],
)
def test_who_only_reads_says_that_nothing_was_changed(declared, monkeypatch, command, asks, so):
    def fail(*arguments: object, **named: object) -> None:
        raise OperationalError("it broke")

    monkeypatch.setattr(asks, fail)
    with pytest.raises(CommandError) as failed:
        call_command(*command, stdout=io.StringIO(), stderr=io.StringIO())
    assert str(failed.value) == f"The database does not answer as it should: it broke. {so}"


class _Locked(Exception):
    pgcode = "55P03"


class _Slow(Exception):
    pgcode = "57014"


@pytest.mark.parametrize(
    ("error", "cause", "said"),
    [
        (OperationalError("refused"), None, "The database does not answer"),
        (OperationalError("timeout"), _Locked(), "The database is busy"),
        (OperationalError("timeout"), _Slow(), "The database took too long"),
        (ProgrammingError("no relation"), None, "The database answers, but not as it should"),
        (OperationalError("no such table: x"), None, "The database answers, but not as"),
    ],
)
def test_only_of_a_database_that_is_away_it_is_said_that_it_does_not_answer(error, cause, said):
    error.__cause__ = cause
    assert how_it_failed(error).startswith(said)
