"""Raw SQL that touches several rows of the flag table, or puts one in the place of another."""

import pytest
from django.db import DatabaseError, transaction

from flags.models import FeatureFlag
from tests.audit.flag_rows import (
    KEY,
    OTHER,
    POSTGRES,
    TABLE,
    accounts,
    again,
    raw_row,
    row,
    sql,
    told,
    told_nothing,
)

pytestmark = pytest.mark.django_db
PROD = "prod"


@pytest.fixture
def rows(declared) -> None:
    raw_row(KEY, 0)
    raw_row(KEY, 1, PROD)
    raw_row(OTHER, 0)


def test_an_update_of_many_rows_has_an_audit_row_for_each_that_it_changed(rows):
    with told() as entries:
        assert sql(f"UPDATE {TABLE} SET value = 1") == 3
    assert len(entries) == 2
    assert accounts(entries[0], False, True)
    assert accounts(entries[1], False, True, OTHER)


def test_a_new_version_is_never_shared(rows):
    sql(f"UPDATE {TABLE} SET value = 1 - value, change_id = '0123456789abcdef0123456789abcdef'")
    assert len({change for (change,) in FeatureFlag.objects.values_list("change_id")}) == 3


def test_an_insert_of_many_rows_has_an_audit_row_for_each(declared):
    with told() as entries:
        sql(
            f"INSERT INTO {TABLE} (flag_key, env, value) VALUES "
            f"('{KEY}', 'staging', 1), ('{KEY}', 'prod', 0), ('{OTHER}', 'staging', 1)"
        )
    assert len(entries) == 3
    assert accounts(entries[0], None, True)
    assert accounts(entries[1], None, False, env=PROD)
    assert accounts(entries[2], None, True, OTHER)


def test_a_removal_of_all_has_an_audit_row_for_each(rows):
    with told() as entries:
        sql(f"DELETE FROM {TABLE}")
    found = {(entry.target_id, entry.payload["env"], entry.payload["from"]) for entry in entries}
    assert found == {(KEY, "staging", False), (KEY, PROD, True), (OTHER, "staging", False)}
    assert len({entry.change_id for entry in entries}) == 3


MOVES = {
    "another key": ("flag_key = 'raptor_cursor_paging'", "raptor_cursor_paging", "staging", False),
    "another environment": ("env = 'prod'", OTHER, PROD, False),
    "another key and value": (
        "flag_key = 'raptor_cursor_paging', value = 1",
        "raptor_cursor_paging",
        "staging",
        True,
    ),
    "with a version and an author": (
        "env = 'prod', change_id = '0123456789abcdef0123456789abcdef', updated_by_id = :ops",
        *(OTHER, PROD, False),
    ),
    "with its id": ("env = 'prod', id = 999999", OTHER, PROD, False),
}


@pytest.mark.parametrize(("change", "key", "env", "value"), MOVES.values(), ids=MOVES)
def test_a_row_that_is_moved_is_gone_here_and_new_there(rows, ops, change, key, env, value):
    with told() as entries:
        sql(f"UPDATE {TABLE} SET {change.replace(':ops', str(ops.pk))} WHERE flag_key = '{OTHER}'")
    gone, came = entries
    assert accounts(gone, False, None, OTHER)
    assert accounts(came, None, value, key, env)
    assert gone.change_id != came.change_id


IN_THE_PLACE_OF_ANOTHER = [
    f"UPDATE {TABLE} SET flag_key = '{KEY}' WHERE flag_key = '{OTHER}'",
    f"UPDATE {TABLE} SET env = 'staging' WHERE env = 'prod'",
    f"UPDATE {TABLE} SET id = {{other}} WHERE flag_key = '{KEY}' AND env = 'prod'",
    f"INSERT INTO {TABLE} (id, flag_key, env, value) VALUES ({{other}}, 'flag_of_old', 'prod', 1)",
] + (
    [f"TRUNCATE {TABLE}", f"TRUNCATE {TABLE} RESTART IDENTITY", f"TRUNCATE {TABLE} CASCADE"]
    if POSTGRES
    else [
        f"UPDATE OR REPLACE {TABLE} SET flag_key = '{KEY}' WHERE flag_key = '{OTHER}'",
        f"UPDATE OR REPLACE {TABLE} SET env = 'staging' WHERE env = 'prod'",
        f"UPDATE OR IGNORE {TABLE} SET env = 'staging' WHERE env = 'prod'",
        f"UPDATE OR REPLACE {TABLE} SET id = {{other}} WHERE flag_key = '{KEY}' AND env = 'prod'",
        f"UPDATE OR REPLACE {TABLE} SET rowid = {{other}} WHERE env = 'prod'",
        f"UPDATE OR REPLACE {TABLE} SET id = {{other}}, flag_key = 'flag_of_old' "
        f"WHERE env = 'prod'",
        f"REPLACE INTO {TABLE} (id, flag_key, env, value) "
        "VALUES ({other}, 'flag_of_old', 'prod', 1)",
        f"REPLACE INTO {TABLE} (rowid, flag_key, env, value) "
        f"VALUES ({{other}}, '{KEY}', 'prod', 0)",
        f"INSERT OR REPLACE INTO {TABLE} (id, flag_key, env, value) "
        f"VALUES ({{other}}, '{KEY}', 'staging', 1)",
        f"INSERT INTO {TABLE} (id, flag_key, env, value) VALUES (-1, 'flag_of_old', 'prod', 1)",
        f"UPDATE {TABLE} SET id = -1 WHERE env = 'prod'",
    ]
)


@pytest.mark.parametrize("statement", IN_THE_PLACE_OF_ANOTHER)
def test_no_row_takes_the_place_of_another_flags(rows, statement):
    with told_nothing(), pytest.raises(DatabaseError), transaction.atomic():
        sql(statement.format(other=row(OTHER).pk))


def test_a_row_that_is_replaced_tells_what_it_was(rows):
    for before, after in ((False, True), (True, False), (False, True)):
        with told() as entries:
            again(KEY, int(after))
        assert len(entries) == 1
        assert accounts(entries[0], before, after)
    assert FeatureFlag.objects.count() == 3


def test_where_triggers_fire_for_replaced_rows_the_removal_is_told_too(rows):
    """SQLite with recursive triggers. PostgreSQL replaces no row: it changes it."""
    if not POSTGRES:
        sql("PRAGMA recursive_triggers = ON")
    with told() as entries:
        again(KEY, 1)
    if POSTGRES:
        assert accounts(entries[0], False, True)
        return
    sql("PRAGMA recursive_triggers = OFF")
    gone, came = entries
    assert accounts(gone, False, None)
    assert accounts(came, None, True)
