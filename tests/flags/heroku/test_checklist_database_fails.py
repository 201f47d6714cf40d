"""`ga_checklist` with a database that fails some of its questions, or all."""

import pytest
from django.db import OperationalError, ProgrammingError

from audit.deadline import NoAnswer
from flags.heroku import looks
from flags.heroku.findings import Verdict
from tests.flags.heroku.test_checklist import UNSEEN, run, verdicts

ITEMS = 7
READS_SOURCES = 6
AGAIN = "      python manage.py ga_checklist\n"
REFUSED = (
    'connection to server at "127.0.0.1", port 5432 failed: Connection refused\n'
    "\tIs the server running on that host and accepting TCP/IP connections?\n"
)


def fails(error: Exception):
    def look(now):
        raise error
        yield

    return look


@pytest.fixture
def silent(monkeypatch):
    """Silent from the second item on; what is looked at all the same."""
    error = OperationalError("the database did not answer within 6.0 s")
    error.__cause__ = NoAnswer()
    monkeypatch.setattr(looks, "switches", fails(error))
    looked = []
    for name in ("dormant", "flipped", "gate_removed", "table_complete"):
        monkeypatch.setattr(looks, name, lambda now, name=name: looked.append(name) or [])
    return looked


def test_what_was_silent_is_asked_nothing_more_and_each_item_says_so(declared, silent):
    out, _ = run()
    assert silent == []
    assert out.count("not asked: the database did not answer before\n" + AGAIN) == 4
    assert "as it should: the database did not answer within 6.0 s.\n" + AGAIN in out
    assert "manage.py migrate" not in out


def test_what_needs_no_database_is_looked_at_all_the_same(declared, silent):
    assert verdicts()[READS_SOURCES - 1] == Verdict.PASS
    assert verdicts().count(UNSEEN) == ITEMS - 2


def test_a_database_that_refuses_is_told_on_one_line_and_not_to_be_migrated(declared, monkeypatch):
    monkeypatch.setattr(looks, "switches", fails(OperationalError(REFUSED)))
    out, _ = run()
    assert "Connection refused. Is the server running on that host and accepting TCP" in out
    assert f"connections?\n{AGAIN}" in out
    assert "manage.py migrate" not in out


def test_a_table_that_is_not_there_leads_to_migrate(declared, monkeypatch):
    of_postgresql = ProgrammingError('relation "console_config_vars" does not exist')
    of_postgresql.__cause__ = UndefinedTable()
    for error in (of_postgresql, OperationalError("no such table: console_config_vars")):
        monkeypatch.setattr(looks, "switches", fails(error))
        assert "console_config_vars" in (out := run()[0])
        assert "      python manage.py migrate --plan\n" in out


def test_a_right_that_is_missing_does_not(declared, monkeypatch):
    error = ProgrammingError("permission denied for table console_config_vars")
    monkeypatch.setattr(looks, "switches", fails(error))
    assert "permission denied" in (out := run()[0])
    assert "manage.py migrate" not in out


class UndefinedTable(Exception):
    pgcode = "42P01"
