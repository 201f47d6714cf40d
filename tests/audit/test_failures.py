"""What a database error says of the database."""

import sqlite3

import psycopg2
import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)
from psycopg2 import errors

from audit.failures import Failure, failure_of, sqlstate, takes_no_changes


class _Said(psycopg2.Error):
    """A driver's error with the code that a server would send: psycopg2's own cannot be made."""

    def __init__(self, code: str) -> None:
        super().__init__("said")
        self.code = code

    pgcode = property(lambda self: self.code)  # type: ignore[assignment]


def by_postgres(error: type[Exception], code: str) -> Exception:
    raised = error("said")
    raised.__cause__ = _Said(code)
    return raised


def by_sqlite(name: str) -> Exception:
    raised = OperationalError("said")
    raised.__cause__ = sqlite3.OperationalError("said")
    raised.__cause__.sqlite_errorname = name
    return raised


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (OperationalError("refused"), Failure.AWAY),
        (InterfaceError("connection already closed"), Failure.AWAY),
        (DatabaseError("error with status PGRES_TUPLES_OK"), Failure.AWAY),
        (by_postgres(OperationalError, "57P01"), Failure.AWAY),
        (by_postgres(OperationalError, "55P03"), Failure.BUSY),
        (by_postgres(OperationalError, "57014"), Failure.BUSY),
        (by_postgres(OperationalError, "40P01"), Failure.BUSY),
        (by_postgres(InternalError, "25006"), Failure.READ_ONLY),
        (by_postgres(InternalError, "25P02"), None),
        (by_sqlite("SQLITE_BUSY"), Failure.BUSY),
        (by_sqlite("SQLITE_LOCKED_SHAREDCACHE"), Failure.BUSY),
        (by_sqlite("SQLITE_READONLY_DBMOVED"), Failure.READ_ONLY),
        (by_sqlite("SQLITE_CANTOPEN"), Failure.AWAY),
        (IntegrityError("unique"), None),
        (ProgrammingError("syntax"), None),
        (RuntimeError("a bug"), None),
    ],
    ids=repr,
)
def test_each_error_is_known_for_what_it_says(error, failure):
    assert failure_of(error) is failure


def test_the_codes_are_those_that_the_driver_knows_by_these_names():
    for code, name in [
        ("55P03", errors.LockNotAvailable),
        ("57014", errors.QueryCanceled),
        ("25006", errors.ReadOnlySqlTransaction),
        ("40P01", errors.DeadlockDetected),
    ]:
        assert errors.lookup(code) is name


@pytest.mark.django_db
def test_a_real_error_of_a_read_only_database_is_known():
    with connection.cursor() as cursor:
        is_postgres = connection.vendor == "postgresql"
        cursor.execute("SET TRANSACTION READ ONLY" if is_postgres else "PRAGMA query_only = ON")
        try:
            with pytest.raises((InternalError, OperationalError)) as raised, transaction.atomic():
                cursor.execute("DELETE FROM console_feature_flags")
        finally:
            if not is_postgres:
                cursor.execute("PRAGMA query_only = OFF")
    assert failure_of(raised.value) is Failure.READ_ONLY
    assert sqlstate(raised.value) == ("25006" if is_postgres else "")


@pytest.mark.django_db
def test_whether_it_takes_changes_is_known_without_a_query(django_assert_num_queries, monkeypatch):
    connection.ensure_connection()
    with django_assert_num_queries(0):
        assert takes_no_changes(connection) is False
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
            assert takes_no_changes(connection) is True
            cursor.execute("SET default_transaction_read_only = off")
    else:
        monkeypatch.setattr("os.access", lambda path, mode: False)
        assert takes_no_changes(connection) is True
