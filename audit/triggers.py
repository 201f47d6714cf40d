"""The triggers that make the audit log append-only, on both databases.

Installed from here alone, idempotently, after every `migrate`. SQLite drops a table's triggers when
a migration remakes it, and refuses the migration where a trigger names a missing table: there they
are taken off before a migration and put back after it.
"""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

GUARDED_TABLES = ("console_audit_log",)
_MESSAGE = "is append-only: rows are never changed and never deleted"


def expected() -> list[str]:
    """The names of all triggers that must be there."""
    return [name for table in GUARDED_TABLES for name in _names(table)]


def _names(table: str) -> list[str]:
    return [f"{table}_no_update", f"{table}_no_delete", f"{table}_no_overwrite"]


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place, in one transaction: nobody ever sees the log without them.

    Where all are there nothing is done, and no lock taken on a log that is being written to.
    """
    if not missing(connection):
        return
    is_postgres = connection.vendor == "postgresql"
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for table in _present_tables(connection):
            if is_postgres:
                # Two deployments may migrate the shared database at once.
                cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
            for statement in _drops(connection, table) + (_POSTGRES if is_postgres else _SQLITE):
                cursor.execute(statement.format(table=table, message=_MESSAGE))


def uninstall(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers off, those of a table that is not there yet left aside."""
    with connection.cursor() as cursor:
        for table in _present_tables(connection):
            for statement in _drops(connection, table):
                cursor.execute(statement)


def _present_tables(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        present = connection.introspection.table_names(cursor)
    return [table for table in GUARDED_TABLES if table in present]


def _drops(connection: BaseDatabaseWrapper, table: str) -> list[str]:
    on = f" ON {table}" if connection.vendor == "postgresql" else ""
    return [f"DROP TRIGGER IF EXISTS {name}{on}" for name in _names(table)]


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of triggers that are absent or, on PostgreSQL, not always enabled."""
    if connection.vendor == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'A'"
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = {row[0] for row in cursor.fetchall()}
    return [name for name in expected() if name not in present]


def before_migrate(using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    connection = connections[using]
    if connection.vendor == "sqlite":
        uninstall(connection)


def after_migrate(using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    install(connections[using])


_SQLITE = [
    """
    CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}
    BEGIN SELECT RAISE(ABORT, '{table} {message}'); END
    """,
    """
    CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
    BEGIN SELECT RAISE(ABORT, '{table} {message}'); END
    """,
    # INSERT OR REPLACE removes the old row without firing the DELETE trigger. The log's own
    # uniqueness is its id and, where it has one, its change_id.
    """
    CREATE TRIGGER {table}_no_overwrite BEFORE INSERT ON {table}
    WHEN EXISTS (
        SELECT 1 FROM {table} WHERE id = NEW.id OR change_id = NEW.change_id
    )
    BEGIN SELECT RAISE(ABORT, '{table} {message}'); END
    """,
]

_POSTGRES = [
    """
    CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN RAISE EXCEPTION '{table} {message}'; END $$
    """,
    "CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()",
    "CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()",
    "CREATE TRIGGER {table}_no_overwrite BEFORE TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()",
    "ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_update",
    "ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_delete",
    "ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_overwrite",
]
