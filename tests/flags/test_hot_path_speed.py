"""`flags.is_on()` costs no more than a look-up in a dictionary by a bare function, and its import
little: the short form of `make bench` (its part "readers").

Times are those of the walking threads alone, in many short turns that alternate: other processes on
the machine, and how threads are woken, have little part in them.
"""

import random
import statistics
import subprocess
import sys
import time

import pytest
from django.db import connection, transaction

import flags
from tests.bench.deployment import environment
from tests.bench.readers.loops import THREADS, Loops, Question, bare
from tests.processes.application import application
from tests.processes.server import ROOT, database_url
from tests.timed import in_time

CLOCK = time.thread_time
LIMIT = 1.0
TURNS = 25
TRIES = 10
IMPORT_LIMIT_MS = 10
KEYS = 1_000

_ROW = "INSERT INTO console_feature_flags (flag_key, env, value) VALUES (%s, 'staging', 1)"
_IMPORT = """
import time
import django
from django.conf import settings
settings.configure()
django.setup()
began = time.perf_counter()
import flags
print((time.perf_counter() - began) * 1_000)
"""


def wrapped(key: str) -> bool:
    """What any function around it is: too slow."""
    return flags.is_on(key)


def ratios(declared: int) -> dict[str, float]:
    """The ratio of `is_on` to the bare function, for each way to ask, and of what is wrapped around
    it. In the application."""
    values = {sys.intern(f"flag_{number}"): True for number in range(declared)}
    ours, plain = loops("is_on(k)", is_on=flags.is_on), Loops(bare(values), clock=CLOCK)
    if ours.answers(list(values)) != plain.answers(list(values)):
        raise AssertionError("is_on() does not know the rows")
    # Not in the order in which they lie in memory: an application's questions are not, either.
    keys = random.Random(7).sample([*values], declared)
    orders = {"one key": keys[:1] * KEYS, "all keys": keys * (KEYS // declared)}
    measured = {
        f"{which}, {threads} threads": ratio_of(ours, plain, order, threads)
        for which, order in orders.items()
        for threads in (1, THREADS)
    }
    of_modules = loops("flags.is_on(k)", flags=flags), Loops(bare(values, "bare.f(k)"), clock=CLOCK)
    measured["flags.is_on"] = ratio_of(*of_modules, orders["all keys"], 1)
    around = loops("wrapped(k)", wrapped=wrapped)
    return measured | {"wrapped": ratio_of(around, plain, orders["all keys"], 1)}


def loops(text: str, **names: object) -> Loops:
    return Loops(Question(text, names), clock=CLOCK)


def ratio_of(ours: Loops, plain: Loops, keys: list[str], threads: int) -> float:
    """The median of the ratios of two turns that follow one another, so that what disturbs one of
    them disturbs the other or is outvoted. More are taken while it is over the limit."""
    pairs = []
    for _ in range(TRIES):
        for _ in range(TURNS):
            one, other = (turn(each, keys, threads) for each in (ours, plain))
            pairs.append(one / other)
        if statistics.median(pairs) <= LIMIT:
            break
    return statistics.median(pairs)


def turn(asked: Loops, keys: list[str], threads: int) -> float:
    """The seconds of five walks over the keys in each thread."""
    return (asked.seconds if threads == 1 else asked.seconds_of_threads)(5, keys)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("declared", [100, 1_000])
def test_is_on_costs_no_more_than_the_bare_function(declared, tmp_path):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_ROW, [(f"flag_{number}",) for number in range(declared)])
    with application(**environment(database_url(), tmp_path, flags=declared)) as process:
        measured = process.call(ratios, declared)
    assert measured.pop("wrapped") > LIMIT
    with in_time():
        assert {way: ratio for way, ratio in measured.items() if ratio > LIMIT} == {}


def test_the_import_costs_little_beyond_django():
    times = []
    for _ in range(10):
        command = [sys.executable, "-c", _IMPORT]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        times.append(float(done.stdout))
        if times[-1] <= IMPORT_LIMIT_MS:
            break
    with in_time():
        assert min(times) <= IMPORT_LIMIT_MS
