"""No change of a flag is without its audit row: raw SQL, one row and one kind of change each."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from flags.models import FeatureFlag
from flags.state import read_state
from tests.audit.flag_rows import (
    KEY,
    OPTION_A,
    POSTGRES,
    TABLE,
    accounts,
    raw_row,
    sql,
    told,
    told_nothing,
)

pytestmark = pytest.mark.django_db
WHERE = f"WHERE flag_key = '{KEY}' AND env = 'staging'"
NEW = f"INTO {TABLE} (flag_key, env, value) VALUES ('{KEY}', 'staging', 1)"
UPSERT = f"INSERT {NEW} ON CONFLICT (flag_key, env) DO UPDATE SET value = excluded.value"


@pytest.fixture
def off(declared) -> FeatureFlag:
    return raw_row(KEY, 0)


@pytest.fixture(params=[False] if POSTGRES else [False, True], ids="recursive={}".format)
def recursive(request):
    """SQLite: whether triggers fire for what triggers do. PostgreSQL's always do."""
    if not POSTGRES:
        sql(f"PRAGMA recursive_triggers = {request.param:d}")
    yield request.param
    if not POSTGRES:
        sql("PRAGMA recursive_triggers = 0")


FROM_OFF_TO_ON = {
    "option A": OPTION_A,
    "update": f"UPDATE {TABLE} SET value = 1 {WHERE}",
    "update of all": f"UPDATE {TABLE} SET value = 1",
    "from a subquery": f"UPDATE {TABLE} SET value = s.v FROM (SELECT 1 AS v) AS s",
    "as text": f"UPDATE {TABLE} SET value = '1'",
    "with an author": f"UPDATE {TABLE} SET value = 1, updated_by_id = :ops",
    "with no version": f"UPDATE {TABLE} SET value = 1, change_id = NULL",
    "with its id": f"UPDATE {TABLE} SET value = 1, id = id + 1000",
    "upsert": UPSERT,
    "upsert on the id": f"INSERT INTO {TABLE} (id, flag_key, env, value) "
    f"SELECT id, flag_key, env, 1 FROM {TABLE} WHERE true "
    "ON CONFLICT (id) DO UPDATE SET value = excluded.value, change_id = excluded.change_id",
} | (
    {
        "merge": f"MERGE INTO {TABLE} AS t USING (SELECT 1) AS s ON t.flag_key = '{KEY}' "
        "WHEN MATCHED THEN UPDATE SET value = 1",
        "as a replica": f"SET LOCAL session_replication_role = replica; {OPTION_A}",
        "through a view": f"CREATE VIEW pg_temp.v AS SELECT * FROM {TABLE}; "
        "UPDATE pg_temp.v SET value = 1",
    }
    if POSTGRES
    else {
        f"update or {word}": f"UPDATE OR {word} {TABLE} SET value = 1"
        for word in ("IGNORE", "REPLACE", "FAIL", "ABORT", "ROLLBACK")
    }
)


@pytest.mark.parametrize("statement", FROM_OFF_TO_ON.values(), ids=FROM_OFF_TO_ON)
def test_a_raw_change_of_a_value_has_its_audit_row(off, ops, recursive, statement):
    drawn = read_state(KEY, "staging").seen
    with told() as entries:
        sql(statement.replace(":ops", str(ops.pk)))
    [entry] = entries
    assert accounts(entry, False, True)
    assert abs(timezone.now() - entry.created_at).total_seconds() < 5
    with told() as entries:
        sql(f"UPDATE {TABLE} SET value = 0")
    assert accounts(entries[0], True, False)
    assert read_state(KEY, "staging").seen != drawn


NEW_ROWS = {
    "insert": f"INSERT {NEW}",
    "upsert": UPSERT,
    "or nothing": f"INSERT {NEW} ON CONFLICT DO NOTHING",
    "with version and author": f"INSERT INTO {TABLE} (flag_key, env, value, change_id, "
    f"updated_by_id) VALUES ('{KEY}', 'staging', 1, '0123456789abcdef0123456789abcdef', :ops)",
    "from a select": f"INSERT INTO {TABLE} (flag_key, env, value) SELECT '{KEY}', 'staging', 1",
} | (
    {
        "merge": f"MERGE INTO {TABLE} AS t USING (SELECT 1) AS s ON t.flag_key = '{KEY}' "
        "WHEN NOT MATCHED THEN INSERT (flag_key, env, value, updated_at) "
        f"VALUES ('{KEY}', 'staging', 1, now())"
    }
    if POSTGRES
    else {
        "replace": f"REPLACE {NEW}",
        "or replace": f"INSERT OR REPLACE {NEW}",
        "or ignore": f"INSERT OR IGNORE {NEW}",
    }
)


@pytest.mark.parametrize("statement", NEW_ROWS.values(), ids=NEW_ROWS)
def test_a_raw_new_row_has_its_audit_row(declared, ops, recursive, statement):
    with told() as entries:
        sql(statement.replace(":ops", str(ops.pk)))
    [entry] = entries
    assert accounts(entry, None, True)


def test_a_new_row_after_a_raw_removal_comes_from_nothing(off):
    sql(f"DELETE FROM {TABLE}")
    with told() as entries:
        sql(f"INSERT {NEW}")
    assert accounts(entries[0], None, True)


GONE = {
    "delete": f"DELETE FROM {TABLE} {WHERE}",
    "delete of all": f"DELETE FROM {TABLE}",
    "returning": f"DELETE FROM {TABLE} RETURNING id",
} | (
    {
        "merge": f"MERGE INTO {TABLE} AS t USING (SELECT 1) AS s ON t.flag_key = '{KEY}' "
        "WHEN MATCHED THEN DELETE",
        "in a CTE": f"WITH gone AS (DELETE FROM {TABLE} RETURNING 1) SELECT * FROM gone",
    }
    if POSTGRES
    else {}
)


@pytest.mark.parametrize("statement", GONE.values(), ids=GONE)
def test_a_raw_removal_has_its_audit_row(off, recursive, statement):
    with told() as entries:
        sql(statement)
    [entry] = entries
    assert accounts(entry, False, None)
    assert not FeatureFlag.objects.exists()
    assert read_state(KEY, "staging").seen == "yaml::0"


NOTHING = {
    "the value it has": f"UPDATE {TABLE} SET value = value",
    "the time alone": f"UPDATE {TABLE} SET updated_at = CURRENT_TIMESTAMP",
    "no row": f"UPDATE {TABLE} SET value = 1 WHERE flag_key = 'no_such_flag'",
    "no row to delete": f"DELETE FROM {TABLE} WHERE flag_key = 'no_such_flag'",
    "all as it was": f"UPDATE {TABLE} SET flag_key = flag_key, env = env, value = value, "
    "change_id = change_id, updated_by_id = updated_by_id",
    "a conflict": f"INSERT {NEW} ON CONFLICT DO NOTHING",
    "a conflict by name": f"INSERT {NEW} ON CONFLICT (flag_key, env) DO NOTHING",
    "an upsert to what it is": f"INSERT {NEW} ON CONFLICT (flag_key, env) DO UPDATE SET value = 0",
    "an upsert that does not apply": f"{UPSERT} WHERE false",
    "another version": f"UPDATE {TABLE} SET change_id = '0123456789abcdef0123456789abcdef'",
    "no version": f"UPDATE {TABLE} SET change_id = NULL",
    "another author": f"UPDATE {TABLE} SET updated_by_id = :ops",
    "another version and author": f"UPDATE {TABLE} SET updated_by_id = :ops, "
    "change_id = '0123456789abcdef0123456789abcdef'",
} | ({} if POSTGRES else {"or ignore": f"INSERT OR IGNORE {NEW}"})


@pytest.mark.parametrize("statement", NOTHING.values(), ids=NOTHING)
def test_what_changes_no_value_leaves_no_audit_row(off, ops, recursive, statement):
    with told_nothing():
        sql(statement.replace(":ops", str(ops.pk)))


def test_what_is_rolled_back_leaves_nothing(off):
    with told_nothing(), transaction.atomic():
        sql(OPTION_A)
        sql(f"DELETE FROM {TABLE}")
        sql(f"INSERT {NEW}")
        transaction.set_rollback(True)


def test_what_fails_leaves_nothing(off):
    for statement in (f"INSERT {NEW}", f"UPDATE {TABLE} SET value = 2"):
        with told_nothing(), pytest.raises(IntegrityError), transaction.atomic():
            sql(statement)
