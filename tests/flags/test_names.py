"""Addresses that are looked up in a thread."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flags.names import Names
from tests.flags.test_store import eventually

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 5432))]


@pytest.fixture
def server(monkeypatch):
    """A name server that answers once it is let; how often it was asked is `asked`."""

    class Server:
        asked, answers = 0, threading.Event()

        def answer(self, *args, **kwargs):
            self.asked += 1
            self.answers.wait(20)
            return FOUND

    server = Server()
    monkeypatch.setattr(socket, "getaddrinfo", server.answer)
    yield server
    server.answers.set()


def soon() -> float:
    return time.monotonic() + 0.1


def test_threads_that_wait_for_one_look_up_all_get_its_answer(server):
    names = Names("database", None)
    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(names.find, time.monotonic() + 20) for _ in range(4)]
        assert eventually(lambda: server.asked)
        server.answers.set()
        assert [each.result() for each in found] == [FOUND] * 4


def test_one_that_was_given_up_is_asked_no_second_time_while_it_goes_on(server):
    names = Names("database", None)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            names.find(soon())
    assert server.asked == 1


def test_what_it_answers_when_nobody_waits_any_more_is_not_believed_later(server):
    names = Names("database", None)
    with pytest.raises(TimeoutError):
        names.find(soon())
    lookup = names._lookup
    server.answers.set()
    lookup.join(20)
    assert names.find(time.monotonic() + 20) == FOUND
    assert server.asked == 2


def test_a_child_after_a_fork_asks_for_itself(server):
    names = Names("database", None)
    with pytest.raises(TimeoutError):
        names.find(soon())
    names._lock.acquire()
    names.forget()
    server.answers.set()
    assert names.find(time.monotonic() + 20) == FOUND
    assert server.asked == 2


@pytest.mark.parametrize(
    "outcome", [[], MemoryError(), UnicodeError(), socket.gaierror(-3, "try again")]
)
def test_what_finds_no_address_is_an_error(monkeypatch, outcome):
    """libpq would take no address at all for the socket of a server on this machine."""

    def answer(*args, **kwargs):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with pytest.raises(OSError, match="database"):
        Names("database", None).find(time.monotonic() + 20)
