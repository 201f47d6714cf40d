"""No wait for PostgreSQL is without an end, and only those that Django makes are ours."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing

import psycopg2
import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.backends.signals import connection_created
from psycopg2 import extensions

from audit import deadline
from audit.deadline import WAIT_SECONDS
from flags.runtime import _row_source
from tests.processes.server import database_url

ON_POSTGRES = pytest.mark.skipif(
    "sqlite" in settings.DATABASES["default"]["ENGINE"], reason="SQLite is no server"
)
SHORT = 0.3
# What a busy machine adds to it.
SLACK = 1.5
# htmx's timeout in templates/admin/base_site.html.
BROWSER_GIVES_UP = 25.0


@pytest.fixture
def installed(monkeypatch):
    """As in a web process, with little patience."""
    monkeypatch.setattr(deadline, "_seconds", None)
    monkeypatch.setattr(deadline, "_patience", deadline._Patience())
    monkeypatch.setattr(deadline, "WAIT_SECONDS", SHORT)
    monkeypatch.setattr(deadline, "CONNECT_SECONDS", SHORT)
    deadline.install()
    yield
    extensions.set_wait_callback(None)
    connection_created.disconnect(dispatch_uid="audit.deadline")


@pytest.fixture
def new_connection(installed, db):
    """Django's connection, opened anew where the limits are told; afterwards as it was before."""
    connection.close()
    yield connection
    connection.close()


@pytest.fixture
def deaf():
    """A port where connections are made, by the kernel, and nobody ever says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"postgres://nobody@127.0.0.1:{listener.getsockname()[1]}/none"


def gives_up(act: Callable[[], object], error: type[Exception]) -> Exception:
    """What `act` raises, which takes it as long as it may wait and no longer."""
    began = time.monotonic()
    with pytest.raises(error) as raised:
        act()
    assert SHORT * 0.9 < time.monotonic() - began < SHORT + SLACK
    return raised.value


def ask(text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text)


def test_who_connects_to_a_server_that_says_nothing_gives_up(installed, deaf):
    assert deadline.was_silence(gives_up(lambda: psycopg2.connect(deaf), deadline.NoAnswer))


def test_any_process_can_give_up_without_more_ado(deaf):
    assert extensions.get_wait_callback() is None
    try:
        with deadline.answers_within(SHORT):
            gives_up(lambda: psycopg2.connect(deaf), deadline.NoAnswer)
    finally:
        extensions.set_wait_callback(None)


def test_a_connection_that_waits_by_itself_is_left_to_it(installed, deaf, monkeypatch):
    """The refresher of the flags has a deadline of its own."""
    monkeypatch.setattr(deadline, "_until", lambda *args, **kwargs: pytest.fail("was asked"))
    with closing(psycopg2.connect(deaf, async_=True)) as waiting:
        assert waiting.async_


@ON_POSTGRES
@pytest.mark.django_db(transaction=True)
def test_the_source_of_the_flags_is_left_alone(installed, monkeypatch):
    source = _row_source("staging")
    monkeypatch.setattr(deadline, "_until", lambda *args, **kwargs: pytest.fail("was asked"))
    assert source.load() == {}
    source.close()


@ON_POSTGRES
@pytest.mark.django_db(transaction=True)
def test_a_query_that_is_not_answered_is_given_up_and_its_connection_with_it(new_connection):
    error = gives_up(lambda: ask("SELECT pg_sleep(4)"), OperationalError)
    assert deadline.was_silence(error)
    assert not connection.is_usable()
    connection.close()
    ask("SELECT 1")


@ON_POSTGRES
@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_gave_up_is_not_done(new_connection, declared):
    with pytest.raises(OperationalError), transaction.atomic():
        ask("INSERT INTO console_feature_flags (flag_key, env, value) VALUES ('a', 'staging', 1)")
        ask("SELECT pg_sleep(4)")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM console_feature_flags")
        assert cursor.fetchone() == (0,)


@ON_POSTGRES
@pytest.mark.django_db(transaction=True)
def test_after_silence_the_next_wait_is_shorter_until_one_is_answered(new_connection, monkeypatch):
    monkeypatch.setattr(deadline, "AFTER_SILENCE_SECONDS", SHORT / 10)
    gives_up(lambda: ask("SELECT pg_sleep(4)"), OperationalError)
    connection.close()
    # A connection is made in some milliseconds, or not at all while patience is that short.
    monkeypatch.setattr(deadline, "AFTER_SILENCE_SECONDS", SHORT)
    ask("SELECT 1")
    assert deadline._patience.met_silence is False
    monkeypatch.setattr(deadline, "AFTER_SILENCE_SECONDS", 0)
    ask("SELECT pg_sleep(0.1)")


@ON_POSTGRES
@pytest.mark.django_db(transaction=True)
def test_the_time_of_a_block_is_for_all_of_its_waits_together(new_connection):
    deadline._seconds = 5.0
    ask("SELECT 1")
    with deadline.answers_within(SHORT):
        ask(f"SELECT pg_sleep({SHORT * 0.6})")
        with pytest.raises(OperationalError):
            ask(f"SELECT pg_sleep({SHORT * 0.6})")
        connection.close()
        with deadline.answers_within(5):
            ask(f"SELECT pg_sleep({SHORT})")
    ask(f"SELECT pg_sleep({SHORT * 1.2})")


@ON_POSTGRES
@pytest.mark.django_db(transaction=True)
def test_the_server_knows_limits_that_end_before_ours(new_connection):
    def seconds(name: str) -> float:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT extract(epoch FROM current_setting('{name}')::interval)")
            return float(cursor.fetchone()[0])

    lock, statement = seconds("lock_timeout"), seconds("statement_timeout")
    assert 0 < lock < statement < WAIT_SECONDS < BROWSER_GIVES_UP
    assert 0 < seconds("idle_in_transaction_session_timeout") < 30


@ON_POSTGRES
@pytest.mark.django_db(transaction=True)
def test_those_who_wait_for_long_are_counted_while_they_wait(new_connection):
    def wait() -> None:
        with closing(psycopg2.connect(database_url())) as waiting, waiting.cursor() as cursor:
            with pytest.raises(deadline.NoAnswer):
                cursor.execute("SELECT pg_sleep(4)")

    deadline._seconds = 1.0
    ask("SELECT 1")
    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.6)
    assert (deadline.silent_waits(0.2), deadline.silent_waits(5)) == (1, 0)
    thread.join()
    assert deadline.silent_waits(0) == 0


def test_silence_is_found_below_what_failed_after_it():
    try:
        try:
            raise deadline.NoAnswer("nothing")
        except psycopg2.OperationalError as silence:
            raise OperationalError("nothing") from silence
    except OperationalError:
        try:
            raise OperationalError("refused")
        except OperationalError as error:
            assert deadline.was_silence(error)
    assert not deadline.was_silence(OperationalError("refused"))
