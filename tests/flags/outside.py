"""Raw SQL on the flag table, as an operator types it, within the test's own transaction."""

from collections.abc import Callable

from django.db import connection

from audit import triggers
from flags.history import LastChange
from flags.reconcile import look
from tests.pages import LOW


def raw(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def raw_update(value: int = 1, key: str = LOW, env: str = "staging") -> None:
    """Runbook, section 6, option A."""
    raw(
        "UPDATE console_feature_flags SET value=%s, updated_at=CURRENT_TIMESTAMP "
        "WHERE flag_key=%s AND env=%s",
        *(value, key, env),
    )


def raw_insert(value: int = 1, key: str = LOW, env: str = "staging") -> None:
    raw(
        "INSERT INTO console_feature_flags (flag_key, env, value) VALUES (%s, %s, %s)",
        *(key, env, value),
    )


def raw_delete(key: str = LOW, env: str = "staging") -> None:
    raw("DELETE FROM console_feature_flags WHERE flag_key=%s AND env=%s", key, env)


def last_change(key: str = LOW, env: str = "staging") -> LastChange:
    change = look(key, env).change
    assert change is not None
    return change


def is_marked(key: str = LOW, env: str = "staging") -> bool:
    return look(key, env).outside is not None


def without_triggers(change: Callable[[], object]) -> None:
    """As on a database from before the triggers."""
    if connection.vendor == "postgresql":
        # It takes no triggers off while the check of a foreign key waits.
        raw("SET CONSTRAINTS ALL IMMEDIATE")
    triggers.uninstall(connection)
    change()
    if connection.vendor == "postgresql":
        raw("SET CONSTRAINTS ALL IMMEDIATE")
    triggers.install(connection)
