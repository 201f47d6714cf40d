"""The triggers that keep the log append-only and miss no change of a flag, on both databases.

Installed from here alone, idempotently, after every `migrate`. SQLite drops a table's triggers when
a migration remakes it, and refuses the migration where a trigger names a missing table: there they
are taken off before a migration and put back after it.

The database is shared by two releases: a trigger or function whose text changes gets a new name,
and the old one stays for one release more.
"""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.exceptions import IrreversibleError

from audit.triggers import postgres, sqlite

# In the order in which a flip comes by them.
TABLES = ("console_feature_flags", "console_audit_log", "console_audit_chain")
STAYS = "The audit log is kept for ever: its migrations cannot be undone."


def expected(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of all triggers, in a database of this kind."""
    texts = postgres if connection.vendor == "postgresql" else sqlite
    return [name for table in TABLES for name in texts.names(table)]


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place, in one transaction: nobody ever sees the log without them.

    Where all are as they must be nothing is done, and no lock taken on a log that is in use.
    """
    if not missing(connection):
        return
    texts, tables = _texts(connection), _present(connection)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for statement in texts.before_install(tables):
            cursor.execute(statement)
        for table in tables:
            for statement in [*texts.drops(table), *texts.creates(table)]:
                cursor.execute(statement)


def uninstall(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers off."""
    with connection.cursor() as cursor:
        for table in _present(connection):
            for statement in _texts(connection).drops(table):
                cursor.execute(statement)


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of triggers that are absent, disabled, or not what this release makes of them.

    On PostgreSQL also the sealer's function. Those of tables that are not there yet are left aside.
    """
    texts, tables = _texts(connection), _present(connection)
    with connection.cursor() as cursor:
        functions: list[str] = texts.missing_functions(cursor, tables)
        cursor.execute(texts.QUERY)
        there = cursor.fetchall()
    return functions + [
        name
        for table in tables
        for name, definition in texts.definitions(table).items()
        if (name, *definition) not in there
    ]


def foreign(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of triggers and rules on these tables that are none of this release's.

    A newer release may have more of them: for whoever looks, not for /readyz.
    """
    texts, tables = _texts(connection), _present(connection)
    known = {name for table in tables for name in texts.names(table)}
    with connection.cursor() as cursor:
        cursor.execute(texts.ALL)
        there = cursor.fetchall()
    return sorted(name for name, table in there if table in tables and name not in known)


def before_migrate(using: str = DEFAULT_DB_ALIAS, plan: Any = (), **kwargs: Any) -> None:
    """Refuse to undo the log, before anything is touched; on SQLite make way for the migration."""
    if any(backwards and migration.app_label == "audit" for migration, backwards in plan):
        raise IrreversibleError(STAYS)
    connection = connections[using]
    # Where there is nothing to migrate, the log is not left without them for a moment.
    if connection.vendor == "sqlite" and plan:
        uninstall(connection)


def after_migrate(using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    install(connections[using])


def _texts(connection: BaseDatabaseWrapper) -> Any:
    """The database's own module of trigger texts."""
    return postgres.Texts(connection) if connection.vendor == "postgresql" else sqlite


def _present(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        there = connection.introspection.table_names(cursor)
    return [table for table in TABLES if table in there]
