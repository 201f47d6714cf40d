"""PostgreSQL: what the log knows of whoever changed a flag, and what a break-glass role may do."""

from io import StringIO

import pytest
from django.db import DatabaseError, connection, transaction

from audit import triggers
from audit.models import AuditEntry
from tests.audit.attacks import TARGETS
from tests.audit.flag_rows import KEY, OPTION_A, TABLE, accounts, raw_row, sql, told

pytestmark = pytest.mark.django_db
ROLE = "break_glass_of_the_tests"


@pytest.fixture
def off(declared):
    row = raw_row(KEY, 0)
    connection.check_constraints()  # else there is no DDL, for the pending foreign keys
    return row


@pytest.fixture
def role(off):
    """Signed in as a role that may do what option A needs, and no more. Gone with the test."""
    sql(f"CREATE ROLE {ROLE} LOGIN")
    sql(f"GRANT UPDATE (value, updated_at), SELECT (flag_key, env) ON {TABLE} TO {ROLE}")
    become()


def become(name: str = ROLE) -> None:
    sql("RESET SESSION AUTHORIZATION" if name == "itself" else f"SET SESSION AUTHORIZATION {name}")


def answer(query: str) -> tuple:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


def test_the_log_knows_who_logged_in_and_from_where(off):
    user, address = answer("SELECT session_user::text, host(inet_client_addr())")
    sql("SET LOCAL application_name = 'psql of bob'")
    with told() as entries:
        sql(OPTION_A)
    [entry] = entries
    assert accounts(entry, False, True)
    assert entry.actor == user
    expected = {"db_role": user, "application": "psql of bob"}
    if address:  # a connection over a unix socket has none
        expected["address"] = address
    assert entry.context == expected


def test_it_knows_which_role_was_put_on_too(off):
    user, _ = answer("SELECT session_user::text, 1")
    sql(f"CREATE ROLE {ROLE}")
    sql(f"GRANT UPDATE, SELECT ON {TABLE} TO {ROLE}")
    sql(f"SET ROLE {ROLE}")
    sql("SET application_name = ''")
    sql(OPTION_A)
    sql("RESET ROLE")
    entry = AuditEntry.objects.latest("id")
    assert entry.actor == user
    assert entry.context.items() >= {"db_role": user, "set_role": ROLE}.items()
    assert "application" not in entry.context


def test_a_break_glass_role_can_run_option_a_and_it_is_audited(role):
    assert sql(OPTION_A) == 1
    become("itself")
    entry = AuditEntry.objects.latest("id")
    assert accounts(entry, False, True)
    assert (entry.actor, entry.context["db_role"]) == (ROLE, ROLE)


FORBIDDEN = [
    *(
        statement.format(target)
        for target in TARGETS
        for statement in (
            "SELECT * FROM {0.table}",
            "INSERT INTO {0.table} DEFAULT VALUES",
            "UPDATE {0.table} SET {0.column} = 'x'",
            "DELETE FROM {0.table}",
            "TRUNCATE {0.table}",
            "ALTER TABLE {0.table} DISABLE TRIGGER ALL",
        )
    ),
    f"UPDATE {TABLE} SET change_id = NULL",
    f"UPDATE {TABLE} SET flag_key = 'x'",
    f"DELETE FROM {TABLE}",
    f"TRUNCATE {TABLE}",
    f"ALTER TABLE {TABLE} DISABLE TRIGGER USER",
    f"DROP TRIGGER {TABLE}_tell ON {TABLE}",
    "SET session_replication_role = replica",
    *(f"SELECT {TABLE}_{name}()" for name in ("tell", "version")),
    *(
        "CREATE TEMP TABLE mine (flag_key text, env text, value smallint, change_id uuid); "
        f"CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION {TABLE}_{name}(); "
        "INSERT INTO mine VALUES ('checkout_express', 'prod', 1, gen_random_uuid())"
        for name in ("tell", "version")
    ),
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_it_can_do_nothing_else(role, statement):
    refused = pytest.raises(DatabaseError, match=r"permission denied|must be owner|as triggers")
    with refused, transaction.atomic():
        sql(statement)
    become("itself")
    assert AuditEntry.objects.count() == 1
    assert triggers.missing(connection) == []


_EXACT = "text, character varying, text, character varying, text, boolean, text, boolean"
_SHADOWS = """
    CREATE FUNCTION {at}.jsonb_build_object({exact}) RETURNS jsonb LANGUAGE sql
        AS 'SELECT ''{{"forged": true}}''::jsonb';
    CREATE FUNCTION {at}.gen_random_uuid() RETURNS uuid LANGUAGE sql
        AS 'SELECT ''00000000-0000-0000-0000-000000000000''::uuid';
    CREATE FUNCTION {at}.clock_timestamp() RETURNS timestamptz LANGUAGE sql
        AS 'SELECT ''2000-01-01''::timestamptz';
    CREATE FUNCTION {at}.never(character varying, character varying) RETURNS boolean LANGUAGE sql
        AS 'SELECT false';
    CREATE FUNCTION {at}.never(smallint, integer) RETURNS boolean LANGUAGE sql AS 'SELECT false';
    CREATE FUNCTION {at}.never(smallint, smallint) RETURNS boolean LANGUAGE sql AS 'SELECT false';
    CREATE OPERATOR {at}.= (FUNCTION = {at}.never, LEFTARG = varchar, RIGHTARG = varchar);
    CREATE OPERATOR {at}.= (FUNCTION = {at}.never, LEFTARG = smallint, RIGHTARG = integer);
    CREATE OPERATOR {at}.= (FUNCTION = {at}.never, LEFTARG = smallint, RIGHTARG = smallint);
"""


@pytest.mark.parametrize("path", ["mine, pg_catalog, public", "pg_temp, mine, public, pg_catalog"])
def test_functions_of_its_own_are_never_called_with_its_betters_rights(role, path):
    """In a schema of its own, first in its search_path, and in the one where our tables are."""
    become("itself")
    (ours,) = answer("SELECT current_schema()::text")
    sql(f"CREATE SCHEMA mine AUTHORIZATION {ROLE}; GRANT CREATE ON SCHEMA {ours} TO {ROLE}")
    become()
    for schema in ("mine", ours):
        sql(_SHADOWS.format(at=schema, exact=_EXACT))
    sql(f"SET search_path = {path}")
    sql(OPTION_A.replace("UPDATE ", f"UPDATE {ours}.").replace("='", " LIKE '"))
    sql("RESET search_path")
    become("itself")
    for schema in ("mine", ours):
        for types in ("varchar, varchar", "smallint, integer", "smallint, smallint"):
            sql(f"DROP OPERATOR {schema}.= ({types})")
    entry = AuditEntry.objects.latest("id")
    assert accounts(entry, False, True)
    assert entry.created_at.year > 2000
    assert entry.change_id.int != 0


def test_tables_of_its_own_do_not_stand_in_for_the_log(role):
    sql(
        "CREATE TEMP TABLE console_audit_log (LIKE pg_class); CREATE TEMP TABLE "
        "console_audit_chain (audit_id int)"
    )
    sql("SET search_path = pg_temp, public")
    sql(OPTION_A)
    sql("DROP TABLE pg_temp.console_audit_log, pg_temp.console_audit_chain; RESET search_path")
    become("itself")
    assert accounts(AuditEntry.objects.latest("id"), False, True)


def test_a_load_in_bulk_has_an_audit_row_for_each_row(off):
    with told() as entries, connection.cursor() as cursor:
        line = "email_digest_weekly\tstaging\t1\n"
        cursor.copy_expert(f"COPY {TABLE} (flag_key, env, value) FROM STDIN", StringIO(line))
    assert accounts(entries[0], None, True, "email_digest_weekly")


@pytest.mark.parametrize(
    "change",
    [
        "ALTER COLUMN flag_key TYPE varchar(120)",
        "ALTER COLUMN env TYPE varchar(32)",
        "ALTER COLUMN value SET DEFAULT 0",
        "ADD COLUMN note text NOT NULL DEFAULT 'new'",
    ],
)
def test_a_column_can_be_altered_with_the_triggers_in_place(off, change):
    sql(f"ALTER TABLE {TABLE} {change}")
    assert triggers.missing(connection) == []
    with told() as entries:
        sql(OPTION_A)
    assert accounts(entries[0], False, True)
