"""Rows from an SQLite file: asked for only where something was written."""

import os
import sqlite3
from contextlib import closing

import pytest

from flags.sources.sqlite import SQLiteSource

TABLE = "CREATE TABLE console_feature_flags (flag_key text, env text, value smallint)"


@pytest.fixture
def path(tmp_path):
    path = str(tmp_path / "flags.sqlite3")
    write(path, "PRAGMA journal_mode = WAL")
    write(path, TABLE)
    return path


@pytest.fixture
def source(path):
    source = SQLiteSource(path, "staging")
    yield source
    source.close()


def write(path: str, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def set_row(path: str, value: int, env: str = "staging") -> None:
    write(path, f"INSERT INTO console_feature_flags VALUES ('a', '{env}', {value})")


def test_the_rows_of_its_environment_alone(path, source):
    set_row(path, 1)
    set_row(path, 0, "prod")
    assert source.load() == {"a": True}


def test_nothing_is_asked_for_where_nothing_was_written(path, source):
    set_row(path, 1)
    rows = source.load()
    statements: list[str] = []
    source._connection.set_trace_callback(statements.append)
    assert source.load() is rows
    assert not source.hinted()
    assert {statement.split()[0] for statement in statements} == {"PRAGMA"}
    set_row(path, 0, "prod")
    assert source.hinted()
    assert source.load() == {"a": True}
    assert not source.hinted()


def test_a_write_between_the_look_and_the_rows_is_found_by_the_next_look(path, source):
    source.load()
    set_row(path, 1)
    source._connection.set_trace_callback(
        lambda statement: (
            "SELECT" in statement and write(path, "UPDATE console_feature_flags SET value = 0")
        )
    )
    source.load()
    source._connection.set_trace_callback(None)
    assert source.hinted()
    assert source.load() == {"a": False}


def test_a_file_that_took_its_place_is_read(path, source, tmp_path):
    set_row(path, 1)
    assert source.load() == {"a": True}
    other = str(tmp_path / "other.sqlite3")
    write(other, TABLE)
    os.replace(other, path)
    assert source.hinted()
    assert source.load() == {}


def test_a_file_that_is_gone_is_a_failure_and_a_file_is_never_made(path, source):
    source.load()
    os.remove(path)
    with pytest.raises(FileNotFoundError):
        source.hinted()
    with pytest.raises((FileNotFoundError, sqlite3.OperationalError)):
        source.load()
    source.close()
    with pytest.raises(FileNotFoundError):
        source.load()
    assert not os.path.exists(path)


def test_it_cannot_write(path, source):
    source.load()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        source._connection.execute("DELETE FROM console_feature_flags")


def test_without_push_it_looks_at_its_loads_alone(path):
    assert SQLiteSource(path, "staging", push=False).hint_seconds is None
    assert SQLiteSource(path, "staging").hint_seconds == 1.0
    assert SQLiteSource(path, "staging", push=False).fresh().hint_seconds is None


def test_after_a_close_it_reads_again(path, source):
    source.load()
    source.close()
    assert not source.hinted()
    set_row(path, 1)
    assert source.load() == {"a": True}
