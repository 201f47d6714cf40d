"""docs/ops/audit-role.sql: a role that runs the console and cannot unguard the log (PostgreSQL)."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg2
import pytest
from django.db import connection

from tests.processes import raw_sql
from tests.processes.server import ROOT, database_url, manage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("declared")]
# Roles belong to the whole server, and workers of one run share it.
ROLE = f"console_app_{os.getpid()}"
SCRIPT = (ROOT / "docs" / "ops" / "audit-role.sql").read_text().replace(':"role"', ROLE)
KEY = "console_billing"
PASSWORD = {"OPERATOR_PASSWORD": "correct-horse-battery"}
REFUSED = [
    "UPDATE console_audit_log SET actor = 'x'",
    "DELETE FROM console_audit_log",
    "TRUNCATE console_audit_log",
    "DELETE FROM console_audit_chain",
    "UPDATE console_audit_chain SET row_hash = 'x'",
    "TRUNCATE console_feature_flags",
    "ALTER TABLE console_audit_log DISABLE TRIGGER ALL",
    "DROP TRIGGER console_audit_log_no_delete ON console_audit_log",
    "DROP TABLE console_audit_chain",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION console_audit_log_refuse() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NULL; END'",
    "DELETE FROM django_migrations",
]

if connection.vendor == "postgresql":

    @pytest.fixture
    def url() -> Iterator[str]:
        """The database's URL for the restricted role."""
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {ROLE} LOGIN NOINHERIT PASSWORD 'only-for-tests'")
            cursor.execute(SCRIPT)
        parts = urlsplit(database_url())
        host = parts.netloc.rpartition("@")[2]
        yield parts._replace(netloc=f"{ROLE}:only-for-tests@{host}").geturl()
        with connection.cursor() as cursor:
            cursor.execute(f"DROP OWNED BY {ROLE}")
            cursor.execute(f"DROP ROLE {ROLE}")

    def test_the_console_works_as_that_role(url):
        arguments = ("--env", "staging", "--reason", "launch")
        assert "turned on" in manage("flag_flip", KEY, "on", *arguments, DATABASE_URL=url).stdout
        manage("create_operator", "erin", "--role", "ops", DATABASE_URL=url, **PASSWORD)
        said = manage("audit_verify", DATABASE_URL=url).stdout
        assert said == "2 rows checked: no damage found.\n"

    def test_raw_sql_of_that_role_is_told_by_its_name(url):
        raw_sql.set_row(KEY, 1, url)
        (told,) = raw_sql.rows("SELECT actor, channel, context FROM console_audit_log")
        assert told[:2] == (ROLE, "sql")
        assert told[2]["db_role"] == ROLE

    @pytest.mark.parametrize("statement", ["", "DELETE FROM console_feature_flags"])
    def test_raw_sql_is_reconciled_by_that_role(url, statement):
        raw_sql.set_row(KEY, 1, url)
        if statement:
            raw_sql.change(statement)
        why = ("--env", "staging", "--reason", "x", "--incident", "INC-7")
        said = manage("flag_reconcile", *why, DATABASE_URL=url).stdout
        assert said.startswith(f"{KEY} in staging: reconciled (INC-7)")

    @pytest.mark.parametrize("statement", REFUSED)
    def test_that_role_cannot_unguard_the_log(url, statement):
        raw_sql.set_row(KEY, 1)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            raw_sql.change(statement, url)
        assert len(raw_sql.rows("SELECT id FROM console_audit_log")) == 1
