"""No wait for PostgreSQL is without an end, and only those that Django makes are ours."""

import socket
import time
from collections.abc import Callable
from contextlib import closing

import psycopg2
import pytest
from django.db import OperationalError
from django.db.backends.signals import connection_created
from psycopg2 import extensions

from audit import deadline
from tests.timed import in_time

SHORT = 0.3
# What a busy machine adds to it.
SLACK = 1.5


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
def deaf():
    """A port where connections are made, by the kernel, and nobody ever says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"postgres://nobody@127.0.0.1:{listener.getsockname()[1]}/none"


def gives_up(act: Callable[[], object], error: type[Exception]) -> Exception:
    """What `act` raises, which takes it as long as it may wait and no longer."""
    began = time.monotonic()
    with pytest.raises(error) as raised:
        act()
    took = time.monotonic() - began
    assert took > SHORT * 0.9
    with in_time():
        assert took < SHORT + SLACK
    return raised.value


def test_who_connects_to_a_server_that_says_nothing_gives_up(installed, deaf):
    assert deadline.was_silence(gives_up(lambda: psycopg2.connect(deaf), deadline.NoAnswer))


def test_any_process_can_give_up_without_more_ado(deaf):
    # Whichever test ran before in this process may have left one.
    extensions.set_wait_callback(None)
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
