"""Rows from PostgreSQL over a connection that listens. Each commit is a real one."""

import logging
import select
import socket
import threading
import time
from contextlib import closing

import psycopg2
import pytest
from django.db import connection

from flags.sources.postgres import PostgresSource
from tests.processes import raw_sql
from tests.processes.server import database_url
from tests.timed import in_time

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "console_billing"


@pytest.fixture
def open_source():
    opened = []

    def open_(**options):
        params = connection.get_connection_params()
        params.pop("cursor_factory", None)
        opened.append(PostgresSource(params, "staging", **options))
        return opened[-1]

    yield open_
    for source in opened:
        source.close()


def told(source: PostgresSource, seconds: float = 2.0) -> bool:
    """Whether a hint comes within that time."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        select.select([source.fileno()], [], [], left)
        if source.hinted():
            return True
    return False


@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT INTO console_feature_flags (flag_key, env, value) VALUES ('{KEY}', 'prod', 1)",
        "UPDATE console_feature_flags SET value = 1 - value",
        "DELETE FROM console_feature_flags",
    ],
)
def test_each_change_by_raw_sql_is_told(open_source, statement):
    raw_sql.set_row(KEY, 0)
    source = open_source()
    assert source.load() == {KEY: False}
    assert not told(source, 0.05)
    raw_sql.change(statement)
    assert told(source)
    source.load()
    assert not source.hinted()


def test_a_change_that_is_rolled_back_is_not_told(open_source):
    raw_sql.set_row(KEY, 0)
    source = open_source()
    source.load()
    with closing(psycopg2.connect(database_url())) as other, other.cursor() as cursor:
        cursor.execute("UPDATE console_feature_flags SET value = 1")
        other.rollback()
    assert not told(source, 0.2)


def test_what_changed_between_listening_and_reading_is_read(open_source, monkeypatch):
    source = open_source()
    listen = source._listen

    def listen_and_change(deadline):
        try:
            return listen(deadline)
        finally:
            raw_sql.set_row(KEY, 1)

    monkeypatch.setattr(source, "_listen", listen_and_change)
    assert source.load() == {KEY: True}


def test_without_push_it_does_not_listen(open_source):
    source = open_source(push=False)
    source.load()
    assert source.fileno() is None
    raw_sql.set_row(KEY, 1)
    assert not source.hinted()
    assert source.load() == {KEY: True}
    assert open_source(push=False).fresh()._push is False


def test_a_server_that_does_not_let_it_listen_is_read_all_the_same(open_source, caplog):
    """As a standby does."""
    caplog.set_level(logging.WARNING, logger="flags.sources.postgres")
    raw_sql.set_row(KEY, 1)
    source = open_source()
    source._listen.__globals__["CHANNEL"], channel = "", "console_feature_flags"
    try:
        assert source.load() == {KEY: True}
    finally:
        source._listen.__globals__["CHANNEL"] = channel
    assert source.fileno() is None
    assert "not pushed by this database" in caplog.text
    assert source.load() == {KEY: True}


def test_a_connection_that_the_server_ended_is_noticed_and_made_anew(open_source):
    source = open_source()
    source.load()
    first = source._connection.info.backend_pid
    raw_sql.rows(f"SELECT pg_terminate_backend({first})")
    with pytest.raises(psycopg2.OperationalError):
        told(source)
    source.close()
    assert source.load() == {}
    assert source._connection.info.backend_pid != first
    assert not told(source, 0.05)


def test_somebodys_lock_leaves_no_query_behind_on_the_server(open_source):
    source = open_source()
    source.load()
    with closing(psycopg2.connect(database_url())) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE console_feature_flags IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        with pytest.raises(psycopg2.errors.QueryCanceled):
            source.load()
        took = time.monotonic() - began
    assert took > 3.5
    assert source.load() == {}
    # For that one query: a session that somebody else gets next has no limit of ours.
    with source._connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        while source._connection.poll() != psycopg2.extensions.POLL_OK:
            time.sleep(0.001)
        assert cursor.fetchone()[0] == "0"
    with in_time():
        assert took < 4.9


# A name that no resolver knows: whoever finds an address for it asked Python's own.
NOBODY = {"host": "database.invalid", "dbname": "none", "user": "nobody"}


def test_the_hosts_name_is_looked_up_outside_of_the_driver(monkeypatch):
    """psycopg2 keeps Python's lock while libpq looks a name up: all threads would stand still."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (f"127.0.0.{n}", 0)) for n in (1, 1, 2)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: found)
    with pytest.raises(psycopg2.OperationalError, match="refused") as refused:
        PostgresSource({**NOBODY, "port": port}, "staging").load()
    assert str(refused.value).count("Connection refused") == 2


def test_a_silent_name_server_is_given_up(monkeypatch):
    answers = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: answers.wait(20) and [])
    source = PostgresSource(NOBODY, "staging", seconds=0.2)
    with pytest.raises(TimeoutError, match="no name server"):
        source.load()
    answers.set()
