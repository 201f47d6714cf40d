"""The triggers that make the audit log append-only, on both databases.

Installed from here alone, idempotently, after every `migrate`. SQLite drops a table's triggers when
a migration remakes it, and refuses the migration where a trigger names a missing table: there they
are taken off before a migration and put back after it.

The database is shared by two releases: a trigger whose text changes gets a new name, and the old
one stays for one release more.
"""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

GUARDED_TABLES = ("console_audit_log",)
_MESSAGE = "is append-only: rows are never changed and never deleted"


def expected() -> list[str]:
    """The names of all triggers that must be there."""
    return [name for table in GUARDED_TABLES for name in _sqlite_triggers(table)]


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place, in one transaction: nobody ever sees the log without them.

    Where all are as they must be nothing is done, and no lock taken on a log that is in use.
    """
    if not missing(connection):
        return
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for table in _present_tables(connection):
            if connection.vendor == "postgresql":
                # Two deployments may migrate the shared database at once.
                cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
                statements = _postgres_statements(table)
            else:
                statements = list(_sqlite_triggers(table).values())
            for statement in _drops(connection, table) + statements:
                cursor.execute(statement)


def uninstall(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers off, those of a table that is not there yet left aside."""
    with connection.cursor() as cursor:
        for table in _present_tables(connection):
            for statement in _drops(connection, table):
                cursor.execute(statement)


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of triggers that are absent, disabled, or not what this release makes of them."""
    if connection.vendor == "postgresql":
        query, wanted = _POSTGRES_QUERY, _postgres_definitions()
    else:
        query, wanted = _SQLITE_QUERY, _sqlite_definitions()
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = {name: tuple(definition) for name, *definition in cursor.fetchall()}
    return [name for name in expected() if present.get(name) != wanted[name]]


def before_migrate(using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    connection = connections[using]
    if connection.vendor == "sqlite":
        uninstall(connection)


def after_migrate(using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    install(connections[using])


def _present_tables(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        present = connection.introspection.table_names(cursor)
    return [table for table in GUARDED_TABLES if table in present]


def _drops(connection: BaseDatabaseWrapper, table: str) -> list[str]:
    on = f" ON {table}" if connection.vendor == "postgresql" else ""
    return [f"DROP TRIGGER IF EXISTS {name}{on}" for name in _sqlite_triggers(table)]


# --- SQLite ------------------------------------------------------------------

_SAME_ROW = "SELECT 1 FROM {table} WHERE id = NEW.id OR change_id = NEW.change_id"
_SQLITE_QUERY = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"


def _sqlite_triggers(table: str) -> dict[str, str]:
    """Each trigger's statement by its name, as `sqlite_master` keeps it."""
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} {_MESSAGE}'); END"
    # INSERT OR REPLACE removes the old row without firing the DELETE trigger. What makes a row of
    # the log unique is its id and, where it has one, its change_id.
    overwrites = f"EXISTS ({_SAME_ROW.format(table=table)})"
    events = {
        f"{table}_no_update": f"BEFORE UPDATE ON {table}",
        f"{table}_no_delete": f"BEFORE DELETE ON {table}",
        f"{table}_no_overwrite": f"BEFORE INSERT ON {table} WHEN {overwrites}",
    }
    return {name: f"CREATE TRIGGER {name} {event} {refuse}" for name, event in events.items()}


def _sqlite_definitions() -> dict[str, tuple[Any, ...]]:
    return {
        name: (statement,)
        for table in GUARDED_TABLES
        for name, statement in _sqlite_triggers(table).items()
    }


# --- PostgreSQL --------------------------------------------------------------

# The event of each trigger, and its bits in pg_trigger.tgtype (BEFORE, for each statement).
_POSTGRES_EVENTS = {
    "no_update": ("UPDATE", 2 | 16),
    "no_delete": ("DELETE", 2 | 8),
    "no_overwrite": ("TRUNCATE", 2 | 32),
}
_POSTGRES_QUERY = """
    SELECT tgname, relname, tgenabled::text, tgtype, tgqual IS NULL, prosrc
    FROM pg_trigger
    JOIN pg_class ON pg_class.oid = tgrelid
    JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE NOT tgisinternal
"""


def _postgres_body(table: str) -> str:
    return f" BEGIN RAISE EXCEPTION '{table} {_MESSAGE}'; END "


def _postgres_statements(table: str) -> list[str]:
    function = f"{table}_refuse()"
    statements = [
        f"CREATE OR REPLACE FUNCTION {function} RETURNS trigger LANGUAGE plpgsql "
        f"SET search_path = pg_catalog, pg_temp AS $${_postgres_body(table)}$$"
    ]
    for suffix, (event, _) in _POSTGRES_EVENTS.items():
        name = f"{table}_{suffix}"
        statements += [
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {function}",
            # ALWAYS: for a session that calls itself a replica, too.
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
        ]
    return statements


def _postgres_definitions() -> dict[str, tuple[Any, ...]]:
    return {
        f"{table}_{suffix}": (table, "A", bits, True, _postgres_body(table))
        for table in GUARDED_TABLES
        for suffix, (_, bits) in _POSTGRES_EVENTS.items()
    }
