"""What a process knew last, and for how long it has known: for the page of an outage."""

import threading

import pytest

from flags import runtime
from flags.layers import Source
from flags.testing import inline_store
from tests.flags.test_store import KEY, KEYS, FakeSource, eventually, opened_stores
from tests.timed import in_time

open_store = pytest.fixture(opened_stores)


def test_before_the_first_load_the_lower_layers_answer_and_no_age_is_told(open_store, monkeypatch):
    monkeypatch.setenv(f"FLAG_{KEYS[1].upper()}", "1")
    source = FakeSource(**{KEY: True})
    known = open_store(source).snapshot()
    assert (known.age, known.db_layer, source.loads) == (None, True, 0)
    assert set(known.values) == set(KEYS)
    assert (known.values[KEY].value, known.values[KEY].source) == (False, Source.YAML)
    assert (known.values[KEYS[1]].value, known.values[KEYS[1]].source) == (True, Source.ENV)


def test_begin_reads_without_being_asked_for_a_flag_and_waits_for_nothing(open_store):
    source = FakeSource(**{KEY: True})
    source.gate.clear()
    store = open_store(source)
    store.begin()
    assert source.started.wait(5)
    assert store.snapshot().age is None
    source.gate.set()
    assert eventually(lambda: store.snapshot().age is not None)
    known = store.snapshot()
    assert (known.values[KEY].value, known.values[KEY].source) == (True, Source.DB)
    assert known.age >= 0
    with in_time():
        assert known.age < 5


def test_begin_starts_one_thread_however_often_it_is_called(open_store):
    store = open_store(FakeSource())
    before = set(threading.enumerate())
    for _ in range(5):
        store.begin()
    assert len(set(threading.enumerate()) - before) == 1


def test_the_age_grows_while_loads_fail_and_the_values_stay(open_store):
    source = FakeSource(**{KEY: True})
    store = open_store(source, ttl=0.1)
    assert store.is_on(KEY)
    source.failure = RuntimeError("away")
    loads = source.loads
    assert eventually(lambda: source.loads > loads + 1)
    # As old as the failures took, though the table was published after each of them.
    first = store.snapshot()
    assert eventually(lambda: store.snapshot().age > first.age + 0.3)
    assert store.snapshot().values[KEY].value is True
    source.failure = None
    assert eventually(lambda: store.snapshot().age < 0.3)


def test_without_the_database_layer_there_is_nothing_to_read(open_store):
    store = open_store(None)
    before = set(threading.enumerate())
    store.begin()
    known = store.snapshot()
    assert (known.age, known.db_layer) == (None, False)
    assert set(threading.enumerate()) <= before


def test_a_process_begins_with_its_own_store():
    began: list[int] = []
    with inline_store() as store:
        store.begin = lambda: began.append(1)  # type: ignore[method-assign]
        runtime.begin()
    assert began == [1]


def test_a_bad_file_does_not_stop_a_process_from_beginning(settings):
    before = runtime.replace_store(None)
    settings.FEATURE_FLAGS_FILE = settings.BASE_DIR / "no-such-file.yaml"
    try:
        runtime.begin()
    finally:
        runtime.replace_store(before)
