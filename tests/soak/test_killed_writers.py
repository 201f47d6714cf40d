"""kill -9 of a writer in mid-change: what it had acknowledged is there, nothing is half-done."""

import random

import pytest

from tests.sizes import size
from tests.soak.nursery import begun_and_not_told, nursery
from tests.soak.story import (
    assert_all_is_sealed,
    assert_the_story_is_whole,
    assert_what_was_acknowledged_is_there,
    told_changes,
)

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 4
KILLS = size(5, 60)


def test_killed_writers_leave_nothing_half_done(declared, tmp_path):
    chance = random.Random(KILLS)
    with nursery(tmp_path) as writers:
        writers.start(WRITERS)
        for _ in range(KILLS):
            writers.kill_one(chance)
        writers.wait_for_changes(1)
    notes = writers.notes()
    assert [note for note in notes if note.get("outcome") in ("failed", "odd")] == []
    in_doubt = begun_and_not_told(notes)
    # Else none was in the middle of anything.
    assert KILLS / 2 < in_doubt <= KILLS + WRITERS
    changes = told_changes()
    assert_what_was_acknowledged_is_there(notes, changes, in_doubt)
    assert_the_story_is_whole(changes)
    assert_all_is_sealed(log=tmp_path / "log")
