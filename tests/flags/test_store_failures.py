"""The store while its source fails: reads go on, and so does the refresher."""

import logging
import threading

import pytest

from flags.layers import Source
from tests.flags.test_store import KEY, KEYS, FakeSource, eventually, opened_stores, seconds_of
from tests.timed import in_time

open_store = pytest.fixture(opened_stores)


def test_a_source_that_fails_from_the_start_leaves_env_and_yaml_to_answer(open_store, monkeypatch):
    monkeypatch.setenv("FLAG_FLAG_1", "on")
    source = FakeSource(**{KEY: True, KEYS[1]: False})
    source.failure = OSError("away")
    store = open_store(source)
    took = seconds_of(lambda: store.is_on(KEY))
    assert [store.is_on(KEY), store.is_on(KEYS[1])] == [False, True]
    assert [store.explain(key).source for key in KEYS[:2]] == [Source.YAML, Source.ENV]
    with in_time():
        assert took < 1.8


def test_a_source_that_fails_later_leaves_the_last_known_values_until_it_is_back(
    open_store, caplog
):
    caplog.set_level(logging.INFO, logger="flags.keeper")
    source = FakeSource(**{KEY: True})
    store = open_store(source)
    assert store.is_on(KEY)

    source.rows, source.failure = {}, OSError("away")
    loads = source.loads
    assert eventually(lambda: source.loads > loads + 3)
    assert store.is_on(KEY)
    assert store.explain(KEY).source is Source.DB

    source.rows, source.failure = {KEYS[1]: True}, None
    assert eventually(lambda: store.is_on(KEYS[1]) and not store.is_on(KEY))
    assert source.closes >= 3
    # It is said after the values are there to be read.
    assert eventually(lambda: len(caplog.records) > 1)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "away" in caplog.records[0].getMessage()


def test_a_source_that_cannot_even_be_closed_is_tried_again(open_store, monkeypatch):
    source = FakeSource()
    store = open_store(source)
    store.is_on(KEY)
    source.failure = OSError("away")
    monkeypatch.setattr(source, "close", lambda: 1 / 0)
    loads = source.loads
    assert eventually(lambda: source.loads > loads + 1)
    monkeypatch.undo()
    source.rows, source.failure = {KEY: True}, None
    assert eventually(lambda: store.is_on(KEY))


def test_rows_that_are_no_rows_do_not_end_the_refresher(open_store):
    source = FakeSource(**{KEY: True})
    store = open_store(source)
    assert store.is_on(KEY)
    source.rows = ["nonsense"]
    loads = source.loads
    assert eventually(lambda: source.loads > loads + 1)
    assert store.is_on(KEY)
    source.rows = {KEY: False}
    assert eventually(lambda: not store.is_on(KEY))


def test_without_a_file_descriptor_to_be_had_nothing_is_raised(open_store, monkeypatch):
    def refuse():
        raise OSError(24, "Too many open files")

    store = open_store(FakeSource(**{KEY: True}))
    with monkeypatch.context() as patch:
        patch.setattr("flags.refresher.Bell", refuse)
        assert [store.is_on(KEY), store.explain(KEY).source] == [False, Source.YAML]
        store.ensure_fresh()
    assert store.is_on(KEY)


def test_without_a_thread_to_be_had_env_and_yaml_answer_until_there_is_one(open_store, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    store = open_store(FakeSource(**{KEY: True}))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert [store.is_on(KEY), store.explain(KEY).source] == [False, Source.YAML]
    assert store.is_on(KEY)


def test_one_that_hangs_while_no_other_is_to_be_had_is_replaced_once_there_is_one(
    open_store, monkeypatch, caplog
):
    """All that is asked is in the table: only requests can have another one started."""

    def refuse():
        raise OSError(24, "Too many open files")

    source, new = FakeSource(), FakeSource(**{KEY: True})
    source.fresh = lambda: new
    store = open_store(source, ttl=600.0)
    assert not store.is_on(KEY)
    store._keeper._refresher.due = 0.0
    with monkeypatch.context() as patch:
        patch.setattr("flags.refresher.Bell", refuse)
        for _ in range(20):
            store.ensure_fresh()
        assert not store.is_on(KEY)
    assert sum("no refresher yet" in line for line in caplog.messages) == 1
    store.ensure_fresh()
    assert store.is_on(KEY)
