"""Every way in which PostgreSQL can fail, under continuous reading: what readers, operators and
load balancers see meanwhile, and that everything heals by itself."""

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest
from django.db import connection

from raxxconsole.health import CACHE_SECONDS
from tests.conftest import PASSWORD
from tests.processes import raw_sql, reading
from tests.processes.application import Application, application
from tests.processes.faults import Faults
from tests.processes.operators import make_operator
from tests.processes.server import database_url, web_server
from tests.processes.session import Answer, Session
from tests.processes.watching import watching
from tests.sizes import size
from tests.timed import in_time

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(size(180, 1400)),
]

KEY, OTHER = "console_billing", "console_customer_notes"
ON_BY_YAML = "raptor_cursor_paging"
ROUNDS = size(1, 4)
LASTS = size(2.0, 15.0)
HEALS_WITHIN = 30.0
"""The runbook's promise, for readers and for the console alike."""
MILLISECOND = 1000.0
# One request may wait this long for a database that keeps silent: the browser gives up after 25 s.
LONGEST = 24.0
# What /healthz stays below, with every thread but one waiting for the database.
ALIVE = 5.0


@pytest.fixture
def operator(declared) -> str:
    make_operator("erin", "ops")
    return "erin"


def assert_read_well(process: Application, *values: bool) -> None:
    """No exception, no slow call, and exactly these values, one after the other, in each thread."""
    told = process.call(reading.end)
    print({name: told[name] for name in ("calls", "p50", "p99", "max")})
    assert told["errors"] == []
    assert told["calls"] > 10_000
    assert told["turns"] == [list(values)] * reading.THREADS
    with in_time():
        assert told["p99"] < MILLISECOND


def flip_until_read(process: Application, value: bool) -> float:
    """Flip KEY around the network; the seconds until a reader on it says so."""
    raw_sql.set_row(KEY, int(value))
    took = process.turns(KEY, value)
    assert took < HEALS_WITHIN
    return took


def until_served(ask: Callable[[], Answer]) -> float:
    """The seconds until the console answers 200 again."""
    began = time.monotonic()
    while time.monotonic() - began < HEALS_WITHIN:
        with suppress(OSError):
            if ask().status == 200:
                return time.monotonic() - began
        time.sleep(0.2)
    raise AssertionError("the console did not heal")


@contextmanager
def read_only_database() -> Iterator[None]:
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        try:
            yield
        finally:
            cursor.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')


@contextmanager
def refusing(faults: Faults) -> Iterator[None]:
    faults.refuse()
    yield
    faults.forward()


@contextmanager
def swallowing(faults: Faults) -> Iterator[None]:
    faults.swallow()
    yield
    faults.forward()


@contextmanager
def read_only(faults: Faults) -> Iterator[None]:
    with read_only_database():
        # Sessions that are open stay what they are.
        faults.cut()
        yield


@contextmanager
def slow(faults: Faults) -> Iterator[None]:
    faults.delay(2.5)
    yield
    faults.forward()


@contextmanager
def locked(faults: Faults) -> Iterator[None]:
    """Somebody types UPDATE in psql, and goes for a coffee."""
    with psycopg2.connect(database_url()) as psql, psql.cursor() as cursor:
        cursor.execute(f"UPDATE console_feature_flags SET value = value WHERE flag_key = '{OTHER}'")
        yield
        psql.rollback()
    psql.close()


@dataclass(frozen=True)
class Way:
    """A way to fail: what flips and pages are told, and what /readyz names as the cause."""

    fault: Callable[[Faults], Any]
    flip: tuple[int, str]
    page: tuple[int, str]
    cause: str


AWAY = (503, "database does not answer")
SERVED = (200, "result_list")
WAYS = {
    "refuses": Way(refusing, AWAY, (503, "Last known values"), "the database does not answer"),
    "black hole": Way(swallowing, AWAY, (503, "Last known values"), "the database does not answer"),
    "slow": Way(slow, AWAY, (503, "Last known values"), "the database does not answer"),
    "read-only": Way(
        read_only, (503, "database is read-only"), (200, "data-read-only"), "read-only"
    ),
    "a lock": Way(locked, (503, "left open"), SERVED, ""),
}


@dataclass(frozen=True)
class Seen:
    flip: Answer
    page: Answer
    ready: Answer


def is_ready_as(way: Way, ready: Answer) -> bool:
    return (ready.status, way.cause in ready.text) == (503 if way.cause else 200, True)


def look_during(session: Session, seen: str, way: Way) -> Seen:
    """A flip, a page and a probe at once, then pages until the time is over: the last of each."""
    until = time.monotonic() + LASTS
    with ThreadPoolExecutor(3) as threads:
        asked = [
            threads.submit(session.flip, OTHER, "on", seen),
            threads.submit(session.get, "/console/flags"),
            threads.submit(session.get, "/readyz"),
        ]
        seen_first = Seen(*(one.result(LONGEST) for one in asked))
    page, ready = seen_first.page, seen_first.ready
    # What /readyz says is kept for some seconds.
    while time.monotonic() < until or (
        not is_ready_as(way, ready) and time.monotonic() < until + CACHE_SECONDS
    ):
        page, ready = session.get("/console/flags"), session.get("/readyz")
        time.sleep(0.2)
    return Seen(seen_first.flip, page, ready)


def assert_told(way: Way, told: Seen, name: str) -> None:
    assert (told.flip.status, told.page.status) == (way.flip[0], way.page[0]), name
    assert way.flip[1] in told.flip.text, name
    assert "No flag, promotion or operator was changed" in told.flip.text, name
    assert way.page[1] in told.page.text, name
    assert is_ready_as(way, told.ready), (name, told.ready)


def test_every_way_to_fail_is_told_nobody_is_held_up_and_all_heals(network, operator):
    raw_sql.set_row(KEY, 1)
    raw_sql.set_row(OTHER, 0)
    # One worker: of several, nobody could say which one answers, and each heals by itself.
    with (
        web_server(workers=1, DATABASE_URL=network.url) as base,
        application(DATABASE_URL=network.url, FLAGS_TTL_SECONDS="2") as process,
        watching(base) as health,
    ):
        session = Session(base, operator, PASSWORD)
        for name, way in list(WAYS.items()) * ROUNDS:
            flip_until_read(process, True)
            process.call(reading.begin, KEY)
            seen = session.row(OTHER)["seen"]
            with way.fault(network):
                began = time.monotonic()
                told = look_during(session, seen, way)
                lasted = time.monotonic() - began
            assert_told(way, told, name)
            served = until_served(lambda: session.get("/console/flags"))
            read = flip_until_read(process, False)
            print(f"{name} lasted {lasted:.1f} s; served after {served:.2f}, read {read:.2f} s")
            assert_read_well(process, True, False)
            drawn = session.row(OTHER)
            assert drawn["value"] == "off", name
            assert session.flip(OTHER, "on", drawn["seen"]).status == 200, name
            raw_sql.set_row(OTHER, 0)
    assert health.others == []
    print(f"/healthz: {statistics.median(health.took):.3f} s, at most {max(health.took):.3f} s")
    with in_time():
        assert max(health.took) < ALIVE


def test_the_console_starts_without_its_database_and_serves_once_it_is_there(network, operator):
    network.refuse()
    raw_sql.set_row(ON_BY_YAML, 0)
    with (
        web_server(DATABASE_URL=network.url) as base,
        application(DATABASE_URL=network.url, FLAGS_TTL_SECONDS="2") as process,
        watching(base) as health,
    ):
        assert process.call(reading.begin, ON_BY_YAML) is True
        # Sessions, and so sign-ins, are in the database.
        with pytest.raises(RuntimeError, match="could not sign in: 503"):
            Session(base, operator, PASSWORD)
        network.forward()
        session: list[Session] = []

        def sign_in() -> Answer:
            with suppress(RuntimeError):
                session[:] = [Session(base, operator, PASSWORD)]
            return session[0].get("/console/flags") if session else Answer(503, "")

        until_served(sign_in)
        assert process.turns(ON_BY_YAML, False) < HEALS_WITHIN
        assert_read_well(process, True, False)
    assert health.others == []
