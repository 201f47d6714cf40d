"""No wait of Django's for PostgreSQL is without an end."""

import threading
import time
from contextlib import closing

import psycopg2
import pytest
from django.db import OperationalError, connection, transaction

from audit import deadline
from audit.deadline import WAIT_SECONDS
from flags.runtime import _row_source
from tests.audit.test_deadline import SHORT, gives_up, installed
from tests.processes.server import database_url

__all__ = ["installed"]  # a fixture
pytestmark = pytest.mark.django_db(transaction=True)
# htmx's timeout in templates/admin/base_site.html.
BROWSER_GIVES_UP = 25.0


@pytest.fixture
def new_connection(installed, db):
    """Django's connection, opened anew where the limits are told; afterwards as it was before."""
    connection.close()
    yield connection
    connection.close()


def ask(text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text)


def test_the_source_of_the_flags_is_left_alone(installed, monkeypatch):
    source = _row_source("staging")
    monkeypatch.setattr(deadline, "_until", lambda *args, **kwargs: pytest.fail("was asked"))
    assert source.load() == {}
    source.close()


def test_a_query_that_is_not_answered_is_given_up_and_its_connection_with_it(new_connection):
    error = gives_up(lambda: ask("SELECT pg_sleep(4)"), OperationalError)
    assert deadline.was_silence(error)
    assert not connection.is_usable()
    connection.close()
    ask("SELECT 1")


def test_a_transaction_that_gave_up_is_not_done(new_connection, declared):
    with pytest.raises(OperationalError), transaction.atomic():
        ask("INSERT INTO console_feature_flags (flag_key, env, value) VALUES ('a', 'staging', 1)")
        ask("SELECT pg_sleep(4)")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM console_feature_flags")
        assert cursor.fetchone() == (0,)


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


def test_slow_waits_of_a_block_have_its_time_together_and_quick_ones_cost_nothing(
    new_connection, monkeypatch
):
    deadline._seconds = 5.0
    monkeypatch.setattr(deadline, "SLOW_SECONDS", SHORT * 0.3)
    ask("SELECT 1")
    with deadline.slow_answers_within(SHORT):
        for _ in range(12):
            ask(f"SELECT pg_sleep({SHORT * 0.1})")
        ask(f"SELECT pg_sleep({SHORT * 0.6})")
        with pytest.raises(OperationalError):
            ask(f"SELECT pg_sleep({SHORT * 0.6})")
    connection.close()
    ask(f"SELECT pg_sleep({SHORT * 0.6})")


def test_the_server_knows_limits_that_end_before_ours(new_connection):
    def seconds(name: str) -> float:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT extract(epoch FROM current_setting('{name}')::interval)")
            return float(cursor.fetchone()[0])

    lock, statement = seconds("lock_timeout"), seconds("statement_timeout")
    assert 0 < lock < statement < WAIT_SECONDS < BROWSER_GIVES_UP
    assert 0 < seconds("idle_in_transaction_session_timeout") < 30


def test_those_who_wait_for_long_are_counted_while_they_wait(new_connection):
    def wait() -> None:
        with (
            closing(psycopg2.connect(database_url())) as waiting,
            waiting.cursor() as cursor,
            pytest.raises(deadline.NoAnswer),
        ):
            cursor.execute("SELECT pg_sleep(4)")

    deadline._seconds = 1.0
    ask("SELECT 1")
    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.6)
    assert (deadline.silent_waits(0.2), deadline.silent_waits(5)) == (1, 0)
    thread.join()
    assert deadline.silent_waits(0) == 0
