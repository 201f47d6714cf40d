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
