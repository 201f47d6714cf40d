"""`invalidate()`: after a commit, this process sees it, whatever loads were under way."""

import threading
import time

import pytest

from tests.flags.test_store import (
    KEY,
    KEYS,
    FakeSource,
    eventually,
    opened_stores,
    seconds_of,
)
from tests.timed import in_time

open_store = pytest.fixture(opened_stores)
# Long enough that no refresh happens by itself: what is seen, was asked for.
NEVER = 600.0


def test_a_commit_is_seen_when_invalidate_returns(open_store):
    source = FakeSource()
    store = open_store(source, ttl=NEVER)
    assert not store.is_on(KEY)
    for value in (True, False, True):
        source.rows = {KEY: value}
        store.invalidate()
        assert store.is_on(KEY) is value


def test_a_slow_load_that_began_before_the_commit_does_not_count(open_store):
    """django-waffle's issue 296: a slow reader refilled the cache with the value of before."""
    source = FakeSource(**{KEY: False})
    store = open_store(source, ttl=NEVER)
    assert not store.is_on(KEY)
    old_load = source.gate = threading.Event()
    source.started.clear()
    slow = threading.Thread(target=store.invalidate)
    slow.start()
    assert source.started.wait(5)  # and has seen the old row

    source.rows = {KEY: True}
    new_load = source.gate = threading.Event()
    seen: list[bool] = []

    def commit() -> None:
        store.invalidate()
        seen.append(store.is_on(KEY))

    committing = threading.Thread(target=commit)
    committing.start()
    time.sleep(0.1)
    source.started.clear()
    old_load.set()
    slow.join()
    assert source.started.wait(5)
    time.sleep(0.1)
    assert seen == []  # the old load is in, and was not taken for an answer

    new_load.set()
    committing.join()
    assert seen == [True]
    assert store.is_on(KEY)


def test_the_first_load_may_be_the_slow_one(open_store):
    source = FakeSource(**{KEY: False})
    source.gate.clear()
    store = open_store(source, ttl=NEVER)
    reading = threading.Thread(target=store.is_on, args=(KEY,))
    reading.start()
    assert source.started.wait(5)
    source.rows = {KEY: True}
    threading.Timer(0.1, source.gate.set).start()
    store.invalidate()
    assert store.is_on(KEY)
    reading.join()


def test_before_the_first_read_there_is_nothing_to_invalidate(open_store):
    source = FakeSource(**{KEY: True})
    store = open_store(source, ttl=NEVER)
    store.invalidate()
    assert source.loads == 0
    assert store.is_on(KEY)


def test_a_source_that_hangs_holds_a_commit_up_no_longer_than_the_timeout(open_store, caplog):
    source = FakeSource()
    store = open_store(source, ttl=NEVER)
    store.is_on(KEY)
    source.gate.clear()
    source.rows = {KEY: True}
    took = seconds_of(lambda: store.invalidate(timeout=0.2))
    assert took >= 0.2
    assert "were not read again within 0.2 s" in caplog.text
    source.gate.set()
    assert eventually(lambda: store.is_on(KEY))
    with in_time():
        assert took < 1.8


def test_a_failing_load_is_no_answer_and_the_next_good_one_is(open_store):
    source = FakeSource()
    store = open_store(source, ttl=0.3)
    store.is_on(KEY)
    source.rows, source.failure = {KEY: True}, OSError("away")
    threading.Timer(0.3, lambda: setattr(source, "failure", None)).start()
    store.invalidate()
    assert store.is_on(KEY)


def test_each_of_many_threads_sees_its_own_commits(open_store):
    source = FakeSource()
    store = open_store(source, ttl=NEVER)
    store.is_on(KEY)
    lock = threading.Lock()
    wrong: list[str] = []

    def work(key: str) -> None:
        for n in range(30):
            value = n % 2 == 0
            with lock:
                source.rows = {**source.rows, key: value}
            store.invalidate()
            if store.is_on(key) is not value:
                wrong.append(f"{key} {n}")

    threads = [threading.Thread(target=work, args=(key,)) for key in KEYS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
