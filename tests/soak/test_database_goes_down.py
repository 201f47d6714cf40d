"""The database crashes under load: what was acknowledged is there afterwards, nothing half-done."""

from io import StringIO

from django.core.management import call_command
from django.db import connections

from tests.sizes import size
from tests.soak.going_down import own_database
from tests.soak.nursery import begun_and_not_told, nursery
from tests.soak.story import (
    assert_all_is_sealed,
    assert_the_story_is_whole,
    assert_what_was_acknowledged_is_there,
    told_changes,
)

WRITERS = 4
CRASHES = size(1, 8)
CHANGES = size(20, 200)
"""Before each crash."""


def release() -> None:
    """In the nursery's process: what the release phase does."""
    call_command("migrate", verbosity=0)
    call_command("sync_flags", "--env", "prod", "--env", "staging", stdout=StringIO())
    # The writers are forked from here.
    connections.close_all()


def test_a_crash_of_the_database_takes_nothing_that_was_acknowledged(tmp_path):
    with own_database(tmp_path) as database:
        with nursery(tmp_path, DATABASE_URL=database.url) as writers:
            writers.prepare(release)
            writers.start(WRITERS)
            for _ in range(CRASHES):
                writers.wait_for_changes(CHANGES)
                database.go_down(writers)
            writers.wait_for_changes(CHANGES)
        notes = writers.notes()
        assert [note for note in notes if note.get("outcome") == "odd"] == []
        changes = told_changes(database.url)
        assert_what_was_acknowledged_is_there(notes, changes, begun_and_not_told(notes))
        assert_the_story_is_whole(changes, database.url)
        assert_all_is_sealed(database.url, tmp_path / "log")
