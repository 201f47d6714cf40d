"""Django's connections to PostgreSQL where a name server tells the host's address, or nothing."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

from audit import deadline
from audit.deadline import answers_within
from raxxconsole.postgresql import base
from tests.flags.test_store import eventually

# A name that no resolver knows: whoever finds an address for it asked Python's own.
NOBODY = "database.invalid"


@pytest.fixture(autouse=True)
def _as_in_a_new_process(monkeypatch):
    monkeypatch.setattr(base, "_known", {})


@pytest.fixture
def silent(monkeypatch):
    """A name server that says nothing; the names that it was asked for."""
    asked, over = [], threading.Event()
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **k: asked.append(host) or (over.wait(20) and [])
    )
    yield asked
    over.set()


def connect(port: int = 5432) -> Exception:
    """What a connection to NOBODY fails with."""
    options = {"connect_timeout": 2}
    settings = connections[DEFAULT_DB_ALIAS].settings_dict | {"HOST": NOBODY, "PORT": port}
    settings |= {"NAME": "none", "USER": "nobody", "OPTIONS": options}
    wrapper = base.DatabaseWrapper(settings)
    with pytest.raises(OperationalError) as failure, wrapper.wrap_database_errors:
        wrapper.connect()
    return failure.value


def test_it_is_a_silence_of_the_database(silent):
    with answers_within(0.3):
        error = connect()
    assert deadline.was_silence(error)
    assert NOBODY in str(error)
    assert silent == [NOBODY]


def test_whoever_waits_for_it_waits_for_the_database(silent):
    with ThreadPoolExecutor(1) as pool:
        failing = pool.submit(connect_within, 2)
        assert eventually(lambda: silent)
        assert deadline.silent_waits(0) == 1
        assert deadline.was_silence(failing.result())
    assert deadline.silent_waits(0) == 0


def connect_within(seconds: float) -> Exception:
    with answers_within(seconds):
        return connect()


def test_it_is_asked_once_for_all_threads(silent):
    with ThreadPoolExecutor(4) as pool:
        errors = list(pool.map(connect_within, [0.3] * 4))
        errors += pool.map(connect_within, [0.1] * 2)
    assert all(deadline.was_silence(error) for error in errors)
    assert silent == [NOBODY]


def test_the_address_is_for_libpq_and_the_name_for_certificates(monkeypatch):
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: found)
    with answers_within(2):
        error = connect(port)
        where = base._where({"host": NOBODY})
    assert not deadline.was_silence(error)
    assert "refused" in str(error)
    assert where == {"hostaddr": "127.0.0.1", "host": NOBODY}


def test_a_name_that_nobody_knows_is_no_silence(monkeypatch):
    def unknown(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with answers_within(2):
        error = connect()
    assert not deadline.was_silence(error)
    assert "not known" in str(error)


def test_a_wait_without_an_end_is_left_to_libpq(silent, monkeypatch):
    monkeypatch.setattr(deadline, "_seconds", None)
    assert base._where({"host": NOBODY}) == {}
    assert silent == []


@pytest.mark.parametrize(
    "params",
    [{}, {"host": "/run/postgresql"}, {"host": "a,b"}, {"host": "a", "hostaddr": "127.0.0.1"}],
)
def test_where_there_is_no_single_name_nothing_is_looked_up(silent, params):
    with answers_within(1):
        assert base._where(params) == {}
    assert silent == []
