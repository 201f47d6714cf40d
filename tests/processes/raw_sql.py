"""SQL as an operator types it: through the database's own driver, without Django."""

import sqlite3
from contextlib import closing
from typing import Any

import psycopg2

from tests.processes.server import database_url

Errors = (sqlite3.IntegrityError, psycopg2.IntegrityError)
Locked = sqlite3.OperationalError


def rows(statement: str, url: str = "") -> list[tuple[Any, ...]]:
    """What a SELECT answers."""
    with closing(_connect(url or database_url())) as connection, closing(connection.cursor()) as at:
        at.execute(statement)
        return at.fetchall()


def change(statement: str, url: str = "", *, seconds: int = 20) -> int:
    """Run and commit one statement. Returns how many rows it changed. On SQLite it raises Locked
    where another one writes for more than `seconds`."""
    connection = _connect(url or database_url(), seconds)
    with closing(connection), closing(connection.cursor()) as at:
        at.execute(statement)
        connection.commit()
        return at.rowcount


def store_sessions() -> set[int]:
    """The process ids of the server's sessions that stores of this database hold; tests beside this
    one have databases of their own on the same server. None on SQLite, which has no server."""
    if database_url().startswith("sqlite:"):
        return set()
    found = rows(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE "
        "'%SELECT flag_key, value FROM console_feature_flags%' AND pid <> pg_backend_pid()"
    )
    return {pid for (pid,) in found}


def set_row(key: str, value: int, url: str = "", *, seconds: int = 20) -> None:
    """Give the DB row of `key` in staging this value; make the row where there is none."""
    where = f"WHERE flag_key='{key}' AND env='staging'"
    if not change(f"UPDATE console_feature_flags SET value={value} {where}", url, seconds=seconds):
        change(
            "INSERT INTO console_feature_flags (flag_key, env, value) "
            f"VALUES ('{key}', 'staging', {value})",
            url,
            seconds=seconds,
        )


def _connect(url: str, seconds: int = 20) -> Any:
    if url.startswith("sqlite:///"):
        return sqlite3.connect(url.removeprefix("sqlite:///"), timeout=seconds)
    return psycopg2.connect(url)
