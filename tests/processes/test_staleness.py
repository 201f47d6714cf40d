"""Nothing that befalls a process makes its flags older than 30 seconds while the database answers.

A fork and a database that goes away: `test_fork`, `test_database_away`, `test_outages`. Nobody is
told of the changes here (FLAGS_PUSH=0): the bound holds by itself.
"""

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import flags
from tests.processes import hurting, raw_sql
from tests.processes.application import Application, application
from tests.processes.preloaded import KEY
from tests.processes.server import environment, free_port, gunicorn
from tests.sizes import size
from tests.timed import in_time

pytestmark = pytest.mark.django_db(transaction=True)

# The long form is the contract as it stands; the short one has less patience with everything.
TTL = size(3.0, 30.0)
DEADLINE = size(0.5, 5.0)
# Until a thread among busy ones has had its turns: at the contract's TTL a second of it.
SLACK = size(5.0, 1.0)


@contextmanager
def reader() -> Iterator[Application]:
    with application(FLAGS_TTL_SECONDS=str(TTL), FLAGS_PUSH="0") as process:
        process.call(hurting.impatience, DEADLINE)
        assert process.call(flags.is_on, KEY) is False
        yield process


def test_a_refresher_that_was_killed():
    with reader() as process:
        assert process.call(hurting.kill_the_refresher) == 1
        raw_sql.set_row(KEY, 1)
        assert process.call(hurting.turns, KEY, True, TTL) is not None


def test_a_refresher_that_hangs_is_noticed_by_the_next_request():
    with reader() as process:
        process.call(hurting.hang_the_refresher)
        # It finds its new load at its next refresh.
        raw_sql.set_row(KEY, 1)
        assert process.call(hurting.requests_turn, KEY, True, TTL) is not None
        raw_sql.set_row(KEY, 0)
        assert process.call(hurting.turns, KEY, False, TTL) is not None


def test_a_wall_clock_that_jumps():
    with reader() as process:
        process.call(hurting.step_the_clock)
        for value in (1, 0):
            raw_sql.set_row(KEY, value)
            assert process.call(hurting.turns, KEY, bool(value), TTL) is not None


@pytest.mark.parametrize("threads", size([16], [16, 64]))
def test_threads_that_take_all_of_the_processor(threads):
    with reader() as process:
        process.call(hurting.impatience, 5.0)
        process.call(hurting.busy_threads, threads)
        raw_sql.set_row(KEY, 1)
        took = process.call(hurting.requests_turn, KEY, True, 31)
        assert took is not None
        with in_time():
            assert took < TTL + SLACK
        assert process.call(hurting.end_busy_threads) == threads


def ask(base: str) -> dict:
    with urllib.request.urlopen(base, timeout=20) as response:
        return json.load(response)


@contextmanager
def preloaded(worker: str) -> Iterator[str]:
    """gunicorn with four workers, forked from a process that has read flags."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with gunicorn(
        *("tests.processes.preloaded", "--preload", "--workers", "4", "--worker-class", worker),
        *("--threads", "2", "--log-level", "warning", "--no-control-socket"),
        port=port,
        surroundings=environment(FLAGS_TTL_SECONDS=str(TTL), FLAGS_PUSH="0"),
        answers_at=base,
        patience=60,
    ):
        yield base


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_four_workers_that_were_forked_from_a_process_which_read_flags(worker):
    with preloaded(worker) as base:
        values: dict[int, bool] = {}
        until = time.monotonic() + 30
        while len(values) < 4 and time.monotonic() < until:
            said = ask(base)
            values[said["pid"]] = said["value"]
            assert said["refreshers"] == 1
        assert list(values.values()) == [False] * 4

        raw_sql.set_row(KEY, 1)
        changed = time.monotonic()
        # Whoever is asked may be the same one for a while: what counts is that no answer is old.
        while not all(values.values()):
            asked = time.monotonic() - changed
            assert asked < 60
            said = ask(base)
            values[said["pid"]] = said["value"]
            assert said["value"] or asked < TTL + 1
        assert len(values) == 4
