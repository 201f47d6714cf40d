"""The per-process store: what a read answers, and what it waits for."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from flags import keeper
from flags.declarations import Declaration, Risk
from flags.errors import UndeclaredFlag
from flags.layers import Source
from flags.refresher import RowSource
from flags.store import Store
from tests.timed import in_time

TTL = 0.3
KEYS = tuple(f"flag_{n}" for n in range(8))
DECLARED = {key: Declaration(key, False, Risk.LOW, 24.0, "text") for key in KEYS}
KEY = KEYS[0]


class FakeSource(RowSource):
    """Rows in memory. A load sees the rows of its beginning, then waits at the gate."""

    def __init__(self, **rows: bool) -> None:
        self.rows = rows
        self.failure: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()
        self.loads = self.closes = 0

    def load(self) -> Mapping[str, bool]:
        self.loads += 1
        rows, gate = dict(self.rows), self.gate
        self.started.set()
        gate.wait(20)
        if self.failure:
            raise self.failure
        return rows

    def close(self) -> None:
        self.closes += 1

    def abandon(self) -> None:
        raise AssertionError("nothing was forked")


OpenStore = Callable[..., Store]


def opened_stores() -> Iterator[OpenStore]:
    """Makes stores; their threads are gone when the test is over."""
    before = set(threading.enumerate())
    opened: list[tuple[Store, FakeSource | None]] = []

    def open_(source: FakeSource | None, *, ttl: float = TTL, **options: bool) -> Store:
        opened.append((Store("staging", DECLARED, source, ttl=ttl, **options), source))
        return opened[-1][0]

    yield open_
    for store, source in opened:
        if source:
            source.gate.set()
        store.stop()
    # One that was given up ends by itself, a moment later.
    assert eventually(lambda: set(threading.enumerate()) <= before)


open_store = pytest.fixture(opened_stores)


def eventually(is_so: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_so()


def seconds_of(act: Callable[[], object]) -> float:
    started = time.monotonic()
    act()
    return time.monotonic() - started


def test_the_first_read_waits_for_the_first_load(open_store):
    source = FakeSource(**{KEY: True})
    source.gate.clear()
    threading.Timer(0.2, source.gate.set).start()
    assert open_store(source).is_on(KEY) is True
    assert source.loads == 1


def test_first_reads_of_all_threads_wait_two_seconds_at_most_and_later_ones_never(open_store):
    source = FakeSource(**{KEY: True})
    source.gate.clear()
    store = open_store(source)
    answers: list[tuple[bool, float]] = []

    def read() -> None:
        started = time.monotonic()
        answers.append((store.is_on(KEY), time.monotonic() - started))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {value for value, _ in answers} == {False}
    assert min(seconds for _, seconds in answers) > 1.5
    later = seconds_of(lambda: [store.is_on(key) for key in KEYS * 100])
    source.gate.set()
    assert eventually(lambda: store.is_on(KEY))
    with in_time():
        assert max(seconds for _, seconds in answers) < 5
        assert later < 1.5


def test_later_reads_do_not_wait_for_a_load_that_hangs(open_store):
    source = FakeSource(**{KEY: True})
    store = open_store(source)
    assert store.is_on(KEY)
    source.gate.clear()
    source.started.clear()
    assert source.started.wait(5)
    with in_time():
        assert seconds_of(lambda: [store.is_on(KEY) for _ in range(1000)]) < 1.5


def test_a_change_in_the_database_is_seen_within_the_ttl(open_store):
    source = FakeSource()
    store = open_store(source, ttl=1.0)
    assert not store.is_on(KEY)
    took = []
    for rows, said_by in (({KEY: True}, Source.DB), ({}, Source.YAML)):
        began, source.rows = time.monotonic(), rows
        assert eventually(lambda on=bool(rows): store.is_on(KEY) is on)
        took.append(time.monotonic() - began)
        assert store.explain(KEY).source is said_by
    with in_time():
        assert max(took) < 1.0


def test_without_a_source_env_and_yaml_answer_and_no_thread_is_started(open_store, monkeypatch):
    monkeypatch.setenv("FLAG_FLAG_1", "yes")
    before = set(threading.enumerate())
    store = open_store(None)
    assert [store.is_on(key) for key in KEYS[:2]] == [False, True]
    store.invalidate()
    store.stop()
    assert set(threading.enumerate()) <= before


def test_a_row_of_an_undeclared_flag_declares_nothing(open_store):
    store = open_store(FakeSource(stranger=True), strict=True)
    assert store.is_on(KEY) is False
    with pytest.raises(UndeclaredFlag):
        store.is_on("stranger")


@pytest.mark.parametrize("source", [None, FakeSource()], ids=["no source", "source"])
def test_an_undeclared_key_is_off_with_one_log_line_per_key(open_store, caplog, source):
    store = open_store(source)
    for key in ("typo_a", "typo_b") * 3:
        assert store.is_on(key) is False
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "'typo_a'" in caplog.text
    assert "'typo_b'" in caplog.text


def test_an_undeclared_key_raises_every_time_where_the_store_is_strict(open_store, caplog):
    store = open_store(FakeSource(), strict=True)
    for _ in range(2):
        with pytest.raises(UndeclaredFlag, match="typo"):
            store.is_on("typo")
    assert not caplog.records


@pytest.mark.parametrize("strict", [True, False])
def test_an_undeclared_key_cannot_be_explained(open_store, strict, caplog):
    with pytest.raises(UndeclaredFlag):
        open_store(FakeSource(), strict=strict).explain("typo")
    assert "answered False" not in caplog.text


def test_the_bound_of_the_first_read_is_the_contracts():
    assert keeper.FIRST_LOAD_SECONDS == 2.0
