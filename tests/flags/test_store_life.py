"""The store's refresher: many readers, stop and start, a fork."""

import threading

import pytest

from tests.flags.test_store import KEY, KEYS, FakeSource, eventually, opened_stores
from tests.processes.server import program

open_store = pytest.fixture(opened_stores)

# Plain Python, in a process of its own: forking a test runner that has threads is asking for it.
_SETUP = """
import os, signal, sys, threading, time
from flags import runtime
from flags.declarations import Declaration, Risk
from flags.refresher import RowSource
from flags.store import Store

class Source(RowSource):
    rows, gate, log = {"a": True}, None, []
    def load(self):
        self.log.append(f"load {os.getpid()}")
        if self.gate:
            self.gate.wait(20)
        return self.rows
    def close(self): self.log.append(f"close {os.getpid()}")
    def abandon(self): self.log.append(f"abandon {os.getpid()}")

def in_child(act):
    pid = os.fork()
    if not pid:
        signal.alarm(5)
        try:
            os._exit(0 if act() else 1)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(2)
    return os.waitpid(pid, 0)[1]

declared = {"a": Declaration("a", False, Risk.LOW, 24.0, "text")}
source = Source()
store = Store("staging", declared, source, ttl=0.3)
parent = os.getpid()
"""


def _run(source: str) -> list[str]:
    with program(_SETUP + source) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out.splitlines()


def test_a_child_reads_with_a_thread_of_its_own_and_lets_the_parents_connection_go():
    done = """
assert store.is_on("a")
def child():
    me = os.getpid()
    assert [line for line in source.log if line.endswith(str(me))] == [f"abandon {me}"]
    assert threading.active_count() == 1
    source.rows = {"a": False}
    assert store.is_on("a") is False
    assert threading.active_count() == 2
    assert source.log[-1].startswith("load") and f"close {me}" not in source.log
    return True
print(in_child(child))
source.rows = {}
time.sleep(0.5)
print(store.is_on("a"), f"abandon {parent}" in source.log, f"close {parent}" in source.log)
"""
    assert _run(done) == ["0", "False False False"]


def test_a_child_of_a_process_in_the_middle_of_a_load_reads_too():
    done = """
source.gate = threading.Event()
threads = [threading.Thread(target=store.is_on, args=("a",), daemon=True) for _ in range(4)]
[thread.start() for thread in threads]
while not source.log: time.sleep(0.01)
def child():
    source.gate = None
    return store.is_on("a")
print(*{in_child(child) for _ in range(20)})
"""
    assert _run(done) == ["0"]


def test_a_child_forked_while_readers_and_refreshers_are_busy_reads_too():
    done = """
store._keeper._interval = 0.0005
stopping = False
def busy():
    while not stopping:
        store.is_on("a"), store.invalidate()
store.is_on("a")
threads = [threading.Thread(target=busy) for _ in range(4)]
[thread.start() for thread in threads]
print(*{in_child(lambda: store.is_on("a")) for _ in range(50)})
stopping = True
"""
    assert _run(done) == ["0"]


def test_a_child_forked_while_the_process_makes_its_store_can_make_its_own():
    done = """
making, made = threading.Event(), threading.Event()
def build():
    making.set(), made.wait(20)
    return store
runtime._build_store = build
threading.Thread(target=runtime.store).start()
making.wait(20)
def child():
    made.set()
    return runtime.store().is_on("a")
print(in_child(child))
made.set()
"""
    assert _run(done) == ["0"]


def test_a_child_keeps_the_last_known_values_while_the_database_is_away():
    done = """
assert store.is_on("a")
def child():
    def away(): raise OSError("away")
    source.load = away
    return store.is_on("a")
print(in_child(child))
"""
    assert _run(done) == ["0"]


def test_stop_ends_the_thread_and_closes_the_source(open_store):
    before = set(threading.enumerate())
    source = FakeSource(**{KEY: True})
    store = open_store(source)
    store.is_on(KEY)
    assert len(set(threading.enumerate()) - before) == 1
    store.stop()
    assert set(threading.enumerate()) <= before
    assert source.closes == 1
    store.stop()
    assert source.closes == 1


def test_a_store_that_never_read_is_stopped_without_a_word(open_store):
    source = FakeSource()
    open_store(source).stop()
    assert (source.loads, source.closes) == (0, 0)


def test_the_next_read_after_a_stop_starts_anew(open_store):
    source = FakeSource(**{KEY: True})
    store = open_store(source)
    assert store.is_on(KEY)
    store.stop()
    source.rows = {}
    assert store.is_on(KEY) is False
    source.rows = {KEY: True}
    assert eventually(lambda: store.is_on(KEY))


def test_the_refresher_does_not_keep_a_process_alive():
    assert _run("print(store.is_on('a'))") == ["True"]


def test_many_threads_read_one_table_from_one_load(open_store):
    source = FakeSource(**dict.fromkeys(KEYS, True))
    store = open_store(source, ttl=600.0)
    answers: list[bool] = []
    barrier = threading.Barrier(16)

    def read() -> None:
        barrier.wait()
        answers.extend(store.is_on(key) for key in KEYS * 50)

    threads = [threading.Thread(target=read) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 16 * 50 * len(KEYS)
    assert all(answers)
    assert source.loads == 1


def test_many_threads_that_ask_for_an_undeclared_key_make_one_log_line(open_store, caplog):
    store = open_store(None)
    threads = [threading.Thread(target=store.is_on, args=("typo",)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(caplog.records) == 1
