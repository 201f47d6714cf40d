"""How the triggers come and go, and who says so when one of them does not guard."""

import uuid

import pytest
from django.core.checks import Tags, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from audit import triggers
from raxxconsole import health
from tests.audit.attacks import execute, kept
from tests.audit.test_record import write

pytestmark = pytest.mark.django_db
TABLE, FLAGS = "console_audit_log", "console_feature_flags"
POSTGRES = connection.vendor == "postgresql"


def e001() -> list:
    found = run_checks(tags=[Tags.database], databases=["default"])
    return [message for message in found if message.id == "audit.E001"]


def take_off(name: str) -> None:
    table = next(table for table in triggers.TABLES if name.startswith(table))
    execute(f"DROP TRIGGER {name}" + (f" ON {table}" if POSTGRES else ""))


def test_after_a_migrate_all_triggers_are_there_and_the_check_is_silent():
    assert triggers.missing(connection) == []
    assert len(triggers.expected(connection)) == (10 if POSTGRES else 17)
    assert e001() == []


@pytest.mark.parametrize("name", triggers.expected(connection))
def test_a_trigger_that_is_gone_is_told_by_name_and_put_back(name):
    take_off(name)
    assert triggers.missing(connection) == [name]
    [message] = e001()
    assert name in message.msg
    assert message.is_serious()
    assert name in health._look()["triggers"]
    triggers.install(connection)
    assert triggers.missing(connection) == []


def _remade(event: str, table: str = TABLE, call: str = f"{TABLE}_refuse()") -> str:
    """PostgreSQL: the trigger made anew, with something about it that is not ours."""
    name = f"{TABLE}_no_update"
    return (
        f"DROP TRIGGER {name} ON {TABLE}; CREATE TRIGGER {name} {event} EXECUTE FUNCTION {call};"
        f" ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
    )


_HOLLOW = "RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp"
NAME_ONLY = (
    {
        "no force": f"CREATE OR REPLACE FUNCTION {TABLE}_refuse() {_HOLLOW} "
        "AS 'BEGIN RETURN NULL; END'",
        "an empty version": f"CREATE OR REPLACE FUNCTION {FLAGS}_version() {_HOLLOW} "
        "SECURITY DEFINER AS 'BEGIN RETURN NEW; END'",
        "an empty audit row": f"CREATE OR REPLACE FUNCTION {FLAGS}_tell() {_HOLLOW} "
        "SECURITY DEFINER AS 'BEGIN RETURN NULL; END'",
        "with its caller's rights": f"ALTER FUNCTION {FLAGS}_tell() SECURITY INVOKER",
        "another search_path": f"ALTER FUNCTION {FLAGS}_tell() SET search_path = public",
        "no search_path": f"ALTER FUNCTION {FLAGS}_version() RESET search_path",
        "for everyone to use": f"GRANT EXECUTE ON FUNCTION {FLAGS}_tell() TO PUBLIC",
        "not for replicas": f"ALTER TABLE {TABLE} ENABLE TRIGGER {TABLE}_no_update",
        "only for replicas": f"ALTER TABLE {FLAGS} ENABLE REPLICA TRIGGER {FLAGS}_tell",
        "disabled": f"ALTER TABLE {TABLE} DISABLE TRIGGER {TABLE}_no_update",
        "all disabled": f"ALTER TABLE {FLAGS} DISABLE TRIGGER USER",
        "on a condition": _remade(f"BEFORE UPDATE ON {TABLE} FOR EACH STATEMENT WHEN (false)"),
        "for one column": _remade(f"BEFORE UPDATE OF target_id ON {TABLE} FOR EACH STATEMENT"),
        "for each row": _remade(f"BEFORE UPDATE ON {TABLE} FOR EACH ROW"),
        "another event": _remade(f"BEFORE INSERT ON {TABLE} FOR EACH STATEMENT"),
        "another function": _remade(
            f"BEFORE UPDATE ON {TABLE} FOR EACH STATEMENT",
            call="suppress_redundant_updates_trigger()",
        ),
        "another table": _remade(
            "BEFORE UPDATE ON accounts_user FOR EACH STATEMENT", table="accounts_user"
        ),
        "a table of this name elsewhere": f"CREATE SCHEMA other; "
        f"CREATE TABLE other.{TABLE} (id int); "
        + _remade(f"BEFORE UPDATE ON other.{TABLE} FOR EACH STATEMENT", table=f"other.{TABLE}"),
    }
    if POSTGRES
    else {
        "no force": f"CREATE TRIGGER {TABLE}_no_update BEFORE UPDATE ON {TABLE} "
        "BEGIN SELECT 1; END",
        "on a condition": f"CREATE TRIGGER {TABLE}_no_update BEFORE UPDATE ON {TABLE} "
        "WHEN 0 BEGIN SELECT RAISE(ABORT, 'no'); END",
        "for one column": f"CREATE TRIGGER {TABLE}_no_update BEFORE UPDATE OF target_id ON {TABLE} "
        "BEGIN SELECT RAISE(ABORT, 'no'); END",
        "another table": f"CREATE TRIGGER {TABLE}_no_update BEFORE UPDATE ON accounts_user "
        "BEGIN SELECT RAISE(ABORT, 'no'); END",
        "for this session": f"CREATE TEMP TRIGGER {TABLE}_no_update BEFORE UPDATE ON main.{TABLE} "
        f"BEGIN SELECT RAISE(ABORT, '{TABLE} is append-only: never'); END",
    }
)


@pytest.fixture(params=NAME_ONLY.values(), ids=NAME_ONLY)
def hollow(request) -> tuple:
    """A log whose guard is there by name, or was made by an older release, and does not guard."""
    write(change_id=uuid.uuid4())
    connection.check_constraints()  # else PostgreSQL refuses DDL for the pending foreign key
    if not POSTGRES:
        take_off(f"{TABLE}_no_update")
    execute(request.param)
    yield kept()
    if not POSTGRES:
        execute(f"DROP TRIGGER IF EXISTS temp.{TABLE}_no_update")


def test_a_guard_in_name_only_is_told_and_put_right_by_the_next_migrate(hollow):
    assert e001()
    assert health._look()["triggers"]
    call_command("migrate", skip_checks=True, verbosity=0)
    assert e001() == []
    for change in ("UPDATE {} SET actor = 'x'", "DELETE FROM {}"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            execute(change.format(TABLE))
    assert kept() == hollow


def test_install_puts_back_what_is_gone_and_may_be_repeated():
    write()
    connection.check_constraints()
    triggers.uninstall(connection)
    assert triggers.missing(connection) == triggers.expected(connection)
    for _ in range(3):
        triggers.install(connection)
        assert triggers.missing(connection) == []
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        execute(f"DELETE FROM {TABLE}")


def test_a_migrate_that_has_nothing_to_do_takes_none_off(monkeypatch):
    monkeypatch.setattr(triggers, "uninstall", pytest.fail)
    call_command("migrate", verbosity=0)
    assert triggers.missing(connection) == []


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

    monkeypatch.setattr(BaseDatabaseWrapper, "cursor", away)
    assert e001() == []
