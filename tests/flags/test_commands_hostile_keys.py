"""Keys of rows that nothing declares are whatever raw SQL wrote: on a terminal they are inert, and
the statements that name them work."""

import pytest

from audit.cli import visible
from flags.models import FeatureFlag
from tests.flags.heroku.reporting import told
from tests.flags.heroku.test_checklist import run
from tests.flags.outside import raw, raw_insert

pytestmark = pytest.mark.usefixtures("declared")

# It clears the screen, turns what follows around, begins a line of its own; quotes and backslashes.
HOSTILE = "gone\x1b[2J\u202e\u200bflag\nDELETE 1; it's \\x1b é \U000e0041"
SEEN = "gone\\x1b[2J\\u202e\\u200bflag\\nDELETE 1; it's \\x1b é \\U000e0041"


def inert(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def test_what_cannot_be_seen_is_shown_as_its_escape():
    assert visible(HOSTILE) == SEEN
    assert visible("on in staging – “so”") == "on in staging – “so”"


def test_the_clean_up_list_shows_it_and_its_statement_deletes_that_row_alone():
    raw_insert(1, HOSTILE)
    raw_insert(1, SEEN)
    out = told("flag_status", "--stale", "1")
    assert inert(out)
    assert f"\n{SEEN} (staging, undeclared): its row says on" in f"\n{out}"
    statements = [line.strip() for line in out.splitlines() if "DELETE FROM" in line]
    assert len(statements) == 2
    [statement] = [each for each in statements if "it''s" not in each or "U&" in each]
    # A cursor takes % for a parameter's place, as psql does not.
    assert "%" not in statement
    raw(statement)
    assert list(FeatureFlag.objects.values_list("flag_key", flat=True)) == [SEEN]


def test_one_flag_that_is_asked_for_is_shown_so_too():
    raw_insert(1, HOSTILE)
    assert inert(told("flag_status", HOSTILE, "--stale", "1"))


def test_the_checklist_shows_it():
    raw_insert(1, HOSTILE)
    out = run()[0]
    assert inert(out)
    assert f"{SEEN} in staging: " in out
