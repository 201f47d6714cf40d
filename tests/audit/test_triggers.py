"""The triggers behind the log: what raw SQL may not do, and how they come and go."""

import uuid

import pytest
from django.core.checks import Tags, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, connection, transaction

from audit import triggers
from audit.models import AuditEntry
from tests.audit.test_record import write

pytestmark = pytest.mark.django_db
TABLE = "console_audit_log"
COLUMNS = "created_at, actor, channel, action, target_type, target_id, payload, context"
VALUES = "CURRENT_TIMESTAMP, 'x', 'cli', 'x', 'x', 'x', '{}', '{}'"

EVERYWHERE = [
    f"UPDATE {TABLE} SET actor = 'x'",
    f"UPDATE {TABLE} SET actor = actor",
    f"UPDATE {TABLE} SET id = id + 1",
    f"DELETE FROM {TABLE}",
    f"DELETE FROM {TABLE} WHERE id = :id",
    f"INSERT INTO {TABLE} (id, {COLUMNS}) VALUES (:id, {VALUES}) "
    "ON CONFLICT (id) DO UPDATE SET actor = 'x'",
    f"INSERT INTO {TABLE} (change_id, {COLUMNS}) VALUES (':change', {VALUES}) "
    "ON CONFLICT (change_id) DO UPDATE SET actor = 'x'",
]
SQLITE = [
    f"{verb} INTO {TABLE} ({column}, {COLUMNS}) VALUES ({value}, {VALUES})"
    for verb in ("INSERT OR REPLACE", "REPLACE")
    for column, value in (("id", ":id"), ("rowid", ":id"), ("change_id", "':change'"))
] + [
    f"UPDATE OR REPLACE {TABLE} SET actor = 'x'",
    f"UPDATE OR IGNORE {TABLE} SET actor = 'x'",
]
POSTGRES = [
    f"TRUNCATE {TABLE}",
    f"TRUNCATE {TABLE} CASCADE",
    f"TRUNCATE {TABLE} RESTART IDENTITY",
    "TRUNCATE accounts_user CASCADE",
    f"WITH gone AS (DELETE FROM {TABLE} RETURNING *) SELECT count(*) FROM gone",
    *(
        f"SET LOCAL session_replication_role = replica; {statement}"
        for statement in (f"UPDATE {TABLE} SET actor = 'x'", f"DELETE FROM {TABLE}")
    ),
    f"SET LOCAL session_replication_role = replica; TRUNCATE {TABLE}",
]
HERE = POSTGRES if connection.vendor == "postgresql" else SQLITE


@pytest.fixture
def row() -> dict:
    write(change_id=uuid.uuid4())
    connection.check_constraints()  # else PostgreSQL refuses DDL for the pending foreign key
    return AuditEntry.objects.values().get()


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def e001() -> list:
    found = run_checks(tags=[Tags.database], databases=["default"])
    return [message for message in found if message.id == "audit.E001"]


def _take_off(name: str) -> None:
    table = next(table for table in triggers.TABLES if name.startswith(table))
    on = f" ON {table}" if connection.vendor == "postgresql" else ""
    execute(f"DROP TRIGGER {name}{on}")


@pytest.mark.parametrize("statement", EVERYWHERE + HERE)
def test_raw_sql_cannot_change_or_remove_a_row(row, statement):
    filled = statement.replace(":id", str(row["id"])).replace(":change", row["change_id"].hex)
    with pytest.raises(DatabaseError, match=f"{TABLE} is append-only"), transaction.atomic():
        execute(filled)
    assert AuditEntry.objects.values().get() == row


def test_raw_sql_can_add_a_row(row):
    execute(f"INSERT INTO {TABLE} ({COLUMNS}) VALUES ({VALUES})")
    assert AuditEntry.objects.count() == 2


def test_after_a_migrate_all_triggers_are_there_and_the_check_is_silent():
    assert triggers.missing(connection) == []
    assert len(triggers.expected(connection)) == (9 if connection.vendor == "postgresql" else 13)
    assert e001() == []


@pytest.mark.parametrize("name", triggers.expected(connection))
def test_a_trigger_that_is_gone_is_told_by_name(name):
    _take_off(name)
    assert triggers.missing(connection) == [name]
    [message] = e001()
    assert name in message.msg
    assert message.is_serious()


NAME_ONLY = {
    "sqlite": {
        "no force": f"CREATE TRIGGER {TABLE}_no_update BEFORE UPDATE ON {TABLE} "
        "BEGIN SELECT 1; END",
        "another table": f"CREATE TRIGGER {TABLE}_no_update BEFORE UPDATE ON accounts_user "
        "BEGIN SELECT RAISE(ABORT, 'no'); END",
    },
    "postgresql": {
        "no force": f"CREATE OR REPLACE FUNCTION {TABLE}_refuse() RETURNS trigger "
        "LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "not for replicas": f"ALTER TABLE {TABLE} ENABLE TRIGGER {TABLE}_no_update",
        "disabled": f"ALTER TABLE {TABLE} DISABLE TRIGGER {TABLE}_no_update",
    },
}[connection.vendor]


@pytest.fixture(params=NAME_ONLY.values(), ids=NAME_ONLY)
def hollow(request, row) -> dict:
    """A log whose guard is there by name, or was made by an older release, and does not guard."""
    if connection.vendor == "sqlite":
        _take_off(f"{TABLE}_no_update")
    execute(request.param)
    return row


def test_a_guard_in_name_only_is_told_by_the_check(hollow):
    assert e001()


def test_a_guard_in_name_only_is_put_right_by_the_next_migrate(hollow):
    call_command("migrate", skip_checks=True, verbosity=0)
    assert e001() == []
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        execute(f"UPDATE {TABLE} SET actor = 'x'")
    assert AuditEntry.objects.values().get() == hollow


def test_install_puts_back_what_is_gone_and_may_be_repeated(row):
    triggers.uninstall(connection)
    assert triggers.missing(connection) == triggers.expected(connection)
    for _ in range(3):
        triggers.install(connection)
        assert triggers.missing(connection) == []
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        execute(f"DELETE FROM {TABLE}")


def test_uninstall_may_be_repeated():
    for _ in range(2):
        triggers.uninstall(connection)
    assert triggers.missing(connection) == triggers.expected(connection)


def test_without_a_database_the_check_says_nothing():
    triggers.uninstall(connection)
    assert [message for message in run_checks() if message.id == "audit.E001"] == []


def test_manage_py_check_fails_only_where_a_database_is_asked_for():
    triggers.uninstall(connection)
    call_command("check")
    with pytest.raises(SystemCheckError, match=r"audit\.E001"):
        call_command("check", databases=["default"])


def test_the_way_out_that_the_check_names_is_one():
    triggers.uninstall(connection)
    [message] = e001()
    command, *options = message.hint.split("manage.py ")[1].split(":")[0].split()
    call_command(command, *options, verbosity=0)
    assert triggers.missing(connection) == []


def test_a_database_before_its_first_migration_has_nothing_to_guard(monkeypatch):
    triggers.uninstall(connection)
    monkeypatch.setattr(connection.introspection, "table_names", lambda *args: [])
    assert e001() == []
    triggers.install(connection)
    triggers.uninstall(connection)


def test_a_database_that_is_away_is_not_the_checks_business(monkeypatch):
    def away(*args, **kwargs):
        raise DatabaseError("away")

    monkeypatch.setattr(connection, "cursor", away)
    assert e001() == []
