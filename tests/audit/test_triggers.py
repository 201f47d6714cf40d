"""The triggers behind the log and its chain: what raw SQL may not do to them."""

import uuid
from io import StringIO

import psycopg2
import pytest
from django.db import DatabaseError, connection, transaction

from audit.models import AuditEntry, AuditLink
from tests.audit.attacks import (
    LOG,
    REFUSED,
    STATEMENTS,
    TARGETS,
    Target,
    execute,
    filled,
    kept,
)
from tests.audit.test_record import write
from tests.processes import raw_sql

pytestmark = pytest.mark.django_db
POSTGRES = connection.vendor == "postgresql"
# How a session may choose to be treated: as a replica, whose ordinary triggers do not fire; with
# triggers that fire for the rows that REPLACE removes.
SETTING, OTHER, NORMAL = (
    ("session_replication_role", "replica", "origin")
    if POSTGRES
    else ("recursive_triggers", "ON", "OFF")
)


@pytest.fixture
def rows() -> tuple[list[dict], list[dict]]:
    write(change_id=uuid.uuid4())
    write(change_id=uuid.uuid4())
    connection.check_constraints()  # else PostgreSQL refuses DDL for the pending foreign key
    return kept()


@pytest.fixture(params=[NORMAL, OTHER], ids=f"{SETTING}={{}}".format)
def session(request):
    put = f"SET {SETTING} = {{}}" if POSTGRES else f"PRAGMA {SETTING} = {{}}"
    execute(put.format(request.param))
    yield
    execute(put.format(NORMAL))


@pytest.mark.parametrize("statement", STATEMENTS)
def test_raw_sql_cannot_change_or_remove_a_row(rows, session, statement):
    with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
        execute(filled(statement, rows))
    assert kept() == rows


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.table)
@pytest.mark.parametrize(
    "change", ["UPDATE {0.table} SET {0.column} = 'x'", "DELETE FROM {0.table}"]
)
def test_a_change_of_no_row_changes_no_row(rows, target, change):
    statement = f"{change.format(target)} WHERE 1 = 0"
    if POSTGRES:
        with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
            execute(statement)
    else:
        execute(statement)
    assert kept() == rows


@pytest.mark.django_db(transaction=True)
def test_nor_can_it_from_a_shell_where_foreign_keys_are_off():
    """The sqlite3 shell, and psql: each statement in a session of its own, and committed."""
    write(change_id=uuid.uuid4())
    before = kept()
    for statement in STATEMENTS:
        with pytest.raises((*raw_sql.Errors, psycopg2.Error), match=REFUSED):
            raw_sql.change(filled(statement, before))
        assert kept() == before


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.table)
@pytest.mark.parametrize("otherwise", ["", "ON CONFLICT DO NOTHING"])
def test_raw_sql_can_add_a_row(rows, target, otherwise):
    execute(f"INSERT {target.insert()} {otherwise}")
    added = [len(now) - len(before) for now, before in zip(kept(), rows, strict=True)]
    assert added == ([1, 0] if target is LOG else [0, 1])
    assert [now[: len(before)] for now, before in zip(kept(), rows, strict=True)] == list(rows)


def load(target: Target, **given: str) -> None:
    """One row through COPY, or SQLite's INSERT … SELECT."""
    row = {**target.new, **given}
    columns = f"{target.table} ({', '.join(row)})"
    if POSTGRES:
        line = "\t".join(value.strip("'") for value in row.values())
        with connection.cursor() as cursor:
            cursor.copy_expert(f"COPY {columns} FROM STDIN", StringIO(line))
    else:
        execute(f"INSERT INTO {columns} SELECT {', '.join(row.values())}")


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.table)
def test_a_load_in_bulk_adds_rows_and_replaces_none(rows, target):
    load(target)
    for name in target.unique:
        refused = pytest.raises((DatabaseError, psycopg2.Error), match=r"append-only|unique")
        with refused, transaction.atomic():
            load(target, **{name: filled(f":{name}", rows)})
    assert [now[: len(before)] for now, before in zip(kept(), rows, strict=True)] == list(rows)
    assert AuditEntry.objects.count() + AuditLink.objects.count() == 5


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.table)
def test_no_row_can_be_added_that_keeps_out_all_others(rows, target):
    """To SQLite's triggers an id that is not given yet is -1."""
    statement = f"INSERT {target.insert(**{target.key: '-1'})}"
    if POSTGRES:
        execute(statement)
    else:
        with pytest.raises(DatabaseError, match="no id is negative"), transaction.atomic():
            execute(statement)
    entry = write(change_id=uuid.uuid4())
    assert AuditLink.objects.filter(audit_id=entry.pk).exists()
