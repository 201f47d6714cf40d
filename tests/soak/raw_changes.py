"""Changes of flags by raw SQL, of every kind, through the database's own driver: no Django."""

import random
import sqlite3
import uuid

import psycopg2

from tests.processes.server import database_url

_FLAGS = "console_feature_flags"
Errors = (psycopg2.Error, sqlite3.Error)
_Refused = (psycopg2.IntegrityError, sqlite3.IntegrityError)


class RawWriter:
    """One connection, on which each call of `change` is a transaction."""

    def __init__(self, chance: random.Random) -> None:
        self._random = chance
        url = database_url()
        if url.startswith("sqlite:///"):
            file = url.removeprefix("sqlite:///")
            self._connection = sqlite3.connect(file, timeout=20, isolation_level=None)
            self._begin = ("BEGIN", "BEGIN IMMEDIATE")
        else:
            self._connection = psycopg2.connect(url)
            self._connection.autocommit = True
            self._begin = ("BEGIN",)
        self._cursor = self._connection.cursor()

    def change(self, key: str, env: str, *, keep: bool) -> str | None:
        """The change_id of the change that was made, None where there was none to make, or where it
        was not to be kept."""
        statement, counts = self._statement(key, env)
        self._cursor.execute(self._random.choice(self._begin))
        try:
            self._cursor.execute(statement)
        except _Refused:
            self._cursor.execute("ROLLBACK")
            return None
        if not (counts and self._cursor.rowcount and keep):
            self._cursor.execute("COMMIT" if keep else "ROLLBACK")
            return None
        made = self._last_change(key, env)
        self._cursor.execute("COMMIT")
        return made

    def close(self) -> None:
        self._connection.close()

    def _statement(self, key: str, env: str) -> tuple[str, bool]:
        """A statement of some kind, and whether the rows that it touches are rows that it changes.

        It names no change_id, none, a forged one, or an older audit row's.
        """
        change = self._change_id(key)
        value = self._random.randint(0, 1)
        here = f"WHERE flag_key = '{key}' AND env = '{env}'"
        setting = "" if change is None else f", change_id = {change}"
        insert = (
            f"INSERT INTO {_FLAGS} (flag_key, env, value) VALUES ('{key}', '{env}', {value})"
            if change is None
            else f"INSERT INTO {_FLAGS} (flag_key, env, value, change_id)"
            f" VALUES ('{key}', '{env}', {value}, {change})"
        )
        upsert = f"{insert} ON CONFLICT (flag_key, env) DO UPDATE SET value ="
        return self._random.choice(
            [
                (f"UPDATE {_FLAGS} SET value = 1 - value{setting} {here}", True),
                (f"UPDATE {_FLAGS} SET value = {value}{setting} {here} AND value <> {value}", True),
                (f"UPDATE {_FLAGS} SET value = value{setting} {here}", False),
                (f"DELETE FROM {_FLAGS} {here}", True),
                (insert, True),
                (f"{insert} ON CONFLICT DO NOTHING", True),
                (f"{upsert} 1 - {_FLAGS}.value{setting}", True),
                (f"{upsert} {value}{setting} WHERE {_FLAGS}.value <> {value}", True),
            ]
        )

    def _change_id(self, key: str) -> str | None:
        kind = self._random.choice(["missing", "null", "forged", "replayed"])
        if kind == "missing":
            return None
        if kind == "null":
            return "NULL"
        if kind == "replayed":
            self._cursor.execute(
                f"SELECT change_id FROM console_audit_log WHERE target_id = '{key}'"
                f" ORDER BY id DESC LIMIT 1 OFFSET {self._random.randint(0, 4)}"
            )
            if found := self._cursor.fetchone():
                return f"'{uuid.UUID(str(found[0])).hex}'"
        return f"'{uuid.uuid4().hex}'"

    def _last_change(self, key: str, env: str) -> str:
        """Nobody else can have changed the row since: this transaction holds it."""
        self._cursor.execute(
            f"SELECT change_id FROM console_audit_log WHERE target_id = '{key}'"
            f" AND payload ->> 'env' = '{env}' ORDER BY id DESC LIMIT 1"
        )
        return uuid.UUID(str(self._cursor.fetchone()[0])).hex
