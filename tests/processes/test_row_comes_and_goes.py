"""A flip finds no DB row, and before it makes one raw SQL makes one and removes it again."""

from contextlib import suppress

import pytest

from flags import writing
from flags.refusals import StateMoved
from flags.services import flip
from flags.state import read_state
from tests.processes import raw_sql
from tests.processes.flipping import ACTOR
from tests.soak.story import assert_all_is_sealed, assert_the_story_is_whole, told_changes

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "console_billing"


def come_and_go() -> None:
    here = f"flag_key = '{KEY}' AND env = 'staging'"
    # SQLite has one writer at a time, and that is the flip.
    with suppress(raw_sql.Locked):
        raw_sql.set_row(KEY, 1, seconds=0)
        raw_sql.change(f"DELETE FROM console_feature_flags WHERE {here}")


def test_the_log_does_not_end_with_the_row_that_went(declared, monkeypatch):
    record = writing.record

    def record_and_wait(*arguments, **details):
        entry = record(*arguments, **details)
        come_and_go()
        return entry

    monkeypatch.setattr(writing, "record", record_and_wait)
    state = read_state(KEY, "staging")
    with suppress(StateMoved):
        flip(KEY, "staging", True, actor=ACTOR, seen=state.seen)
    assert_the_story_is_whole(told_changes())
    assert_all_is_sealed()
