"""Migrations: the code's models are the migrations', and a table that is remade loses nothing.

SQLite remakes a table for most changes, and drops its triggers without a word. The migrations here
are such changes, run by the real `migrate` on a database of their own with data in it.
"""

import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from django.core.management import call_command
from django.db import connection

from audit import triggers
from tests.processes.server import database_url, manage

TABLES = {"flags": "console_feature_flags", "audit": "console_audit_log"}
TABLES["chain"] = "console_audit_chain"
KEYS = ("console_billing", "console_customer_notes", "raptor_cursor_paging")

# The app's own migrations, and after the last of them one more.
_PACKAGE = """
from {app} import migrations
__path__ = [*migrations.__path__, *__path__]
"""
_MIGRATION = """
import pkgutil
from django.db import migrations, models
from {app} import migrations as own

class Migration(migrations.Migration):
    dependencies = [("{app}", max(name for _, name, _ in pkgutil.iter_modules(own.__path__)))]
    operations = [
{operations}
    ]
"""
_OPERATIONS = """
        migrations.AddField("{model}", "note", models.CharField(max_length=9, db_default="new")),
        migrations.AlterField("{model}", "{column}", models.CharField(max_length=500)),
"""
_SETTINGS = """
from raxxconsole.settings import *
MIGRATION_MODULES = {"flags": "later_flags", "audit": "later_audit"}
"""


@dataclass
class Remade:
    """A database before and after the migrations, and how to reach it."""

    url: str
    environ: dict[str, str]
    before: dict[str, list[tuple]] = field(default_factory=dict)
    after: dict[str, list[tuple]] = field(default_factory=dict)
    said: str = ""

    def manage(self, *arguments: str, **options: Any) -> str:
        done = manage(*arguments, DATABASE_URL=self.url, **self.environ, **options)
        return done.stdout + done.stderr

    def query(self, statement: str) -> list[tuple]:
        with closing(_connect(self.url)) as raw, closing(raw.cursor()) as cursor:
            cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
            raw.commit()
        return rows

    def snapshot(self) -> dict[str, list[tuple]]:
        columns = {
            "flags": "id, flag_key, env, value, change_id, updated_at",
            "audit": "id, actor, channel, action, target_id, payload, context, change_id",
            "chain": "seq, audit_id, prev_hash, row_hash, key_id",
        }
        return {
            name: self.query(f"SELECT {columns[name]} FROM {table} ORDER BY 1")
            for name, table in TABLES.items()
        }


def _connect(url: str) -> Any:
    if connection.vendor == "sqlite":
        return sqlite3.connect(url.removeprefix("sqlite:///"))
    return psycopg2.connect(url)


@pytest.fixture(scope="module")
def scratch_url(tmp_path_factory) -> Iterator[str]:
    """A new, empty database of the kind that this leg runs on."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('scratch') / 'scratch.sqlite3'}"
        return
    name = f"scratch_{uuid.uuid4().hex}"
    server = psycopg2.connect(database_url())
    server.autocommit = True
    with closing(server), server.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        try:
            yield urlsplit(database_url())._replace(path=f"/{name}").geturl()
        finally:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _write_later_migrations(directory: Path) -> dict[str, str]:
    """The migrations and the settings that bring them in, as an environment."""
    log = [("AuditEntry", "actor"), ("AuditLink", "row_hash")]
    for app, models in {"flags": [("FeatureFlag", "flag_key")], "audit": log}.items():
        package = directory / f"later_{app}"
        package.mkdir()
        (package / "__init__.py").write_text(_PACKAGE.format(app=app))
        operations = "".join(_OPERATIONS.format(model=m, column=column) for m, column in models)
        (package / "zzzz_remake.py").write_text(_MIGRATION.format(app=app, operations=operations))
    (directory / "later_settings.py").write_text(_SETTINGS)
    return {"PYTHONPATH": str(directory), "DJANGO_SETTINGS_MODULE": "later_settings"}


@pytest.fixture(scope="module")
def remade(scratch_url, tmp_path_factory) -> Remade:
    """A migrated database with flips in it, migrated further."""
    db = Remade(scratch_url, {})
    db.manage("migrate", "--verbosity", "0")
    for key in KEYS:
        db.manage("flag_flip", key, "on", "--env", "staging", "--reason", "before the migration")
    db.before = db.snapshot()
    db.environ = _write_later_migrations(tmp_path_factory.mktemp("later"))
    db.said = db.manage("migrate")
    db.after = db.snapshot()
    return db


@pytest.mark.parametrize("name", TABLES)
def test_a_migration_that_remakes_a_table_keeps_its_rows(remade, name):
    for app in ("flags", "audit"):
        assert f"Applying {app}.zzzz_remake... OK" in remade.said
    assert len(remade.before[name]) == len(KEYS)
    assert remade.after[name] == remade.before[name]
    assert remade.query(f"SELECT DISTINCT note FROM {TABLES[name]}") == [("new",)]


@pytest.mark.parametrize("name", TABLES)
def test_on_sqlite_the_migrations_do_remake_their_tables(remade, name):
    planned = remade.manage("sqlmigrate", "flags" if name == "flags" else "audit", "zzzz_remake")
    assert (f"new__{TABLES[name]}" in planned) is (connection.vendor == "sqlite")
    assert "ALTER TABLE" in planned


def test_after_them_the_triggers_are_in_place_and_the_check_is_silent(remade):
    catalogue = "pg_trigger" if connection.vendor == "postgresql" else "sqlite_master"
    column = "tgname" if connection.vendor == "postgresql" else "name"
    present = {name for (name,) in remade.query(f"SELECT {column} FROM {catalogue}")}
    assert set(triggers.expected(connection)) <= present
    assert "no issues" in remade.manage("check", "--database", "default")


CHANGES = {"audit": "actor", "chain": "row_hash"}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = 'x'", "DELETE FROM {}"])
def test_after_them_the_log_and_its_chain_are_append_only(remade, name, change):
    with pytest.raises((sqlite3.Error, psycopg2.Error), match="append-only"):
        remade.query(change.format(TABLES[name], CHANGES[name]))
    assert remade.snapshot()[name][: len(KEYS)] == remade.before[name]


def test_after_them_a_raw_change_still_has_its_audit_row(remade):
    where = f"WHERE flag_key = '{KEYS[1]}'"
    remade.query(f"UPDATE {TABLES['flags']} SET value = 0 {where}")
    row = remade.query(f"SELECT value, change_id FROM {TABLES['flags']} {where}")
    [(payload, change)] = remade.query(
        f"SELECT payload, change_id FROM {TABLES['audit']} WHERE channel = 'sql'"
    )
    payload = json.loads(payload) if isinstance(payload, str) else payload
    assert payload == {"flag": KEYS[1], "env": "staging", "from": True, "to": False}
    assert row == [(0, change)]


def test_the_code_of_the_release_before_flips_on_the_tables_of_the_one_after(remade):
    arguments = ("--env", "staging", "--reason", "after the migration")
    assert "turned off" in remade.manage("flag_flip", KEYS[0], "off", *arguments)
    newest = remade.query(f"SELECT target_id, note FROM {TABLES['audit']} ORDER BY id DESC LIMIT 1")
    assert newest == [(KEYS[0], "new")]


def test_a_second_migrate_finds_nothing_to_do(remade):
    assert "No migrations to apply" in remade.manage("migrate")


@pytest.mark.django_db
def test_no_model_has_changed_without_its_migration(capsys):
    call_command("makemigrations", check=True, dry_run=True)
    assert "No changes detected" in capsys.readouterr().out
