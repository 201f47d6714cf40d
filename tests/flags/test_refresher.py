"""The thread behind the store: hints, crowds of hints, and one that hangs or is shot at."""

import ctypes
import logging
import socket
import threading
import time

import pytest

from flags import refresher, runtime
from flags.refresher import CALM_SECONDS
from flags.store import Store
from tests.flags.test_store import KEY, FakeSource, eventually, opened_stores, seconds_of
from tests.timed import in_time

open_store = pytest.fixture(opened_stores)
NEVER = 600.0


class HintingSource(FakeSource):
    """Hints arrive on a socket, as PostgreSQL's do."""

    def __init__(self, **rows: bool) -> None:
        super().__init__(**rows)
        self._ear, self.mouth = socket.socketpair()
        self._ear.setblocking(False)
        self.is_lost = False

    def fileno(self) -> int:
        return self._ear.fileno()

    def hinted(self) -> bool:
        heard = b""
        try:
            heard = self._ear.recv(4096)
        except BlockingIOError:
            return False
        if self.is_lost:
            self.is_lost = False
            raise ConnectionError("lost")
        return b"!" in heard

    def hang_up(self) -> None:
        self._ear.close()
        self.mouth.close()


@pytest.fixture
def hinting():
    source = HintingSource()
    yield source
    source.hang_up()


class PolledSource(FakeSource):
    """One that is asked for hints now and then, as SQLite is."""

    hint_seconds = 0.02

    def hinted(self) -> bool:
        return bool(self.rows)


@pytest.fixture
def hung(monkeypatch):
    """A deadline that a test can wait for."""
    monkeypatch.setattr(refresher, "LOAD_SECONDS", 0.1)
    monkeypatch.setattr(refresher, "GRACE_SECONDS", 0.1)


def let_it_hang(store: Store, source: FakeSource) -> None:
    """Have its refresher be in a load that does not end, and past its deadline."""
    source.gate.clear()
    source.started.clear()
    assert source.started.wait(5)
    assert eventually(store._keeper._refresher.is_overdue)


def test_a_hint_is_followed_at_once(open_store, hinting):
    store = open_store(hinting, ttl=NEVER)
    assert not store.is_on(KEY)
    time.sleep(2 * CALM_SECONDS)
    hinting.rows = {KEY: True}
    hinting.mouth.send(b"!")
    assert eventually(lambda: store.is_on(KEY))


def test_what_is_no_hint_makes_no_load(open_store, hinting):
    store = open_store(hinting, ttl=NEVER)
    store.is_on(KEY)
    for _ in range(5):
        hinting.mouth.send(b"?")
        time.sleep(0.02)
    assert hinting.loads == 1


def test_a_crowd_of_hints_makes_few_loads_and_the_last_one_counts(open_store, hinting):
    store = open_store(hinting, ttl=NEVER)
    store.is_on(KEY)
    began = time.monotonic()
    for n in range(200):
        hinting.rows = {KEY: n == 199}
        hinting.mouth.send(b"!")
        time.sleep(0.001)
    assert eventually(lambda: store.is_on(KEY))
    # A machine that takes long only allows more of them.
    assert hinting.loads <= 3 + (time.monotonic() - began) / CALM_SECONDS


def test_a_hint_that_came_with_the_rows_is_followed_though_nothing_is_left_to_read(
    open_store, hinting, monkeypatch
):
    """PostgreSQL's notices are read off the socket together with a query's answer."""
    store = open_store(hinting, ttl=NEVER)
    store.is_on(KEY)
    found = [True]
    monkeypatch.setattr(hinting, "hinted", lambda: bool(found) and found.pop())
    hinting.started.clear()
    hinting.gate = gate = threading.Event()
    asking = threading.Thread(target=store.invalidate)
    asking.start()
    assert hinting.started.wait(5)  # and has seen the old rows
    found.append(True)
    hinting.rows = {KEY: True}
    gate.set()
    asking.join()
    assert eventually(lambda: store.is_on(KEY))


def test_a_lost_connection_is_a_hint_too(open_store, hinting):
    store = open_store(hinting, ttl=NEVER)
    store.is_on(KEY)
    hinting.is_lost = True
    hinting.rows = {KEY: True}
    hinting.mouth.send(b"!")
    assert eventually(lambda: store.is_on(KEY))
    assert hinting.closes == 1


def test_a_source_without_a_socket_is_asked_for_hints(open_store):
    source = PolledSource()
    store = open_store(source, ttl=NEVER)
    assert not store.is_on(KEY)
    source.rows = {KEY: True}
    assert eventually(lambda: store.is_on(KEY))


def test_whatever_is_raised_into_the_thread_values_stay_fresh(open_store, caplog):
    source = FakeSource()
    store = open_store(source, ttl=0.3)
    before = set(threading.enumerate())
    store.is_on(KEY)
    [thread] = set(threading.enumerate()) - before
    for error in (SystemExit, KeyboardInterrupt, MemoryError):
        loads = source.loads
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(error)
        )
        assert eventually(lambda loads=loads: source.loads > loads + 1)
    source.rows = {KEY: True}
    assert eventually(lambda: store.is_on(KEY))


def test_one_that_hangs_is_replaced_and_what_it_brings_late_is_dropped(open_store, caplog):
    source = FakeSource(**{KEY: True})
    new = FakeSource()
    source.fresh = lambda: new
    store = open_store(source, ttl=0.3)
    assert store.is_on(KEY)
    source.gate.clear()
    source.started.clear()
    assert source.started.wait(5)
    store.ensure_fresh()  # not overdue yet
    assert store.is_on(KEY)
    store._keeper._refresher.due = 0.0
    store.ensure_fresh()
    assert not store.is_on(KEY)
    assert new.loads >= 1
    source.gate.set()
    assert eventually(lambda: source.closes == 1)
    assert not store.is_on(KEY)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "hangs" in caplog.text
    new.rows = {KEY: True}
    assert eventually(lambda: store.is_on(KEY))


def test_one_that_was_replaced_says_nothing_of_how_its_late_load_went(open_store, hung, caplog):
    source, new = FakeSource(), FakeSource()
    source.fresh = lambda: new
    store = open_store(source, ttl=0.3)
    store.is_on(KEY)
    let_it_hang(store, source)
    source.failure = OSError("late")
    refresher.LOAD_SECONDS = refresher.GRACE_SECONDS = 5.0
    store.ensure_fresh()
    source.gate.set()
    assert eventually(lambda: source.closes >= 1)
    assert not store.is_failing
    assert "late" not in caplog.text


def test_many_requests_at_once_replace_it_once_and_all_wait_for_the_new_one(open_store, hung):
    source, new = FakeSource(), FakeSource(**{KEY: True})
    made = []
    source.fresh = lambda: made.append(1) or new
    store = open_store(source, ttl=0.3)
    store.is_on(KEY)
    let_it_hang(store, source)
    refresher.LOAD_SECONDS = refresher.GRACE_SECONDS = 5.0
    new.gate.clear()
    threading.Timer(0.3, new.gate.set).start()
    seen: list[bool] = []

    def request() -> None:
        store.ensure_fresh()
        seen.append(store.is_on(KEY))

    requests = [threading.Thread(target=request) for _ in range(16)]
    for thread in requests:
        thread.start()
    for thread in requests:
        thread.join()
    source.gate.set()
    assert made == [1]
    assert seen == [True] * 16


def test_a_database_that_hangs_again_holds_a_request_up_for_two_seconds_once(open_store, hung):
    source, new = FakeSource(**{KEY: True}), FakeSource()
    source.fresh = lambda: new
    store = open_store(source, ttl=0.3)
    store.is_on(KEY)
    let_it_hang(store, source)
    new.gate.clear()
    refresher.LOAD_SECONDS = refresher.GRACE_SECONDS = 5.0
    first = seconds_of(store.ensure_fresh)
    later = seconds_of(lambda: [store.ensure_fresh() for _ in range(100)])
    assert first > 1.5
    assert store.is_on(KEY)
    source.gate.set()
    new.gate.set()
    with in_time():
        assert first < 5
        assert later < 1.5


def test_while_it_does_its_work_a_request_waits_for_nothing_and_before_a_read_nothing_starts(
    open_store,
):
    source = FakeSource()
    store = open_store(source)
    store.ensure_fresh()
    assert source.loads == 0
    store.is_on(KEY)
    source.failure = OSError("away")
    assert eventually(lambda: source.loads > 2)
    with in_time():
        assert seconds_of(lambda: [store.ensure_fresh() for _ in range(1000)]) < 1.5


def test_a_request_of_django_asks_for_it(client, monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(runtime, "ensure_fresh", lambda: asked.append(1))
    client.get("/healthz")
    assert asked == [1]


def test_a_store_logs_nothing_while_all_is_well(open_store, caplog):
    caplog.set_level(logging.INFO, logger="flags")
    store = open_store(FakeSource())
    store.is_on(KEY)
    store.ensure_fresh()
    store.invalidate()
    assert not caplog.records
