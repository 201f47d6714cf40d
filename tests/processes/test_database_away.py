"""`flags.is_on()` while the database is empty, down, or gone."""

import socket
import statistics
import time
from urllib.parse import urlsplit

import pytest
from django.db import connection

import flags
from flags.refresher import LOAD_SECONDS
from tests.processes import hurting, raw_sql
from tests.processes.application import Application, application
from tests.processes.outage import outage
from tests.processes.server import database_url
from tests.timed import in_time

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "console_billing"
ON_BY_YAML = "raptor_cursor_paging"
OFF_BY_ENV = "console_customer_notes"
# What a look-up stays below, where asking any server or any file does not.
INSTANT = 0.0001
WORST = 0.005
# What a wait for the database would exceed, where a busy machine does not.
STALL = 0.5


def explained(key: str) -> tuple[bool, str]:
    resolution = flags.explain(key)
    return resolution.value, resolution.source


def assert_reads_are_instant(process: Application) -> None:
    took = [process.timed(flags.is_on, KEY)[1] for _ in range(20)]
    with in_time():
        assert statistics.median(took) < INSTANT
        assert max(took) < STALL


@pytest.fixture
def empty_database(tmp_path):
    """The URL of a database before its first migration."""
    if connection.vendor == "sqlite":
        path = tmp_path / "empty.sqlite3"
        path.touch()
        yield f"sqlite:///{path}"
        return
    name = f"{connection.settings_dict['NAME']}_empty"
    with connection.cursor() as cursor:
        # A run that was broken off may have left it.
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
        cursor.execute(f'CREATE DATABASE "{name}"')
        yield urlsplit(database_url())._replace(path=f"/{name}").geturl()
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def port_that_never_answers():
    """Connections are made (by the kernel), and nobody ever says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port():
    """Taken, so that nobody else listens there, and refusing."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture(params=["closed port", "port that never answers", "missing file", "not a database"])
def down(request, tmp_path, closed_port, port_that_never_answers):
    """The URL of a database that is down. None of these depends on the test's own database."""
    not_a_database = tmp_path / "notes.txt"
    not_a_database.write_text("shopping list\n" * 100)
    return {
        "closed port": f"postgres://nobody@127.0.0.1:{closed_port}/none",
        "port that never answers": f"postgres://nobody@127.0.0.1:{port_that_never_answers}/none",
        "missing file": f"sqlite:///{tmp_path}/missing.sqlite3",
        "not a database": f"sqlite:///{not_a_database}",
    }[request.param]


def test_before_the_first_migration_config_vars_and_yaml_answer(empty_database):
    with application(
        DATABASE_URL=empty_database, FLAGS_TTL_SECONDS="1", FLAG_CONSOLE_BILLING="on"
    ) as process:
        assert process.call(explained, KEY) == [True, "env"]
        assert process.call(explained, ON_BY_YAML) == [True, "yaml"]
        # The migration comes while the process serves.
        raw_sql.change(
            "CREATE TABLE console_feature_flags (flag_key text, env text, value smallint)",
            empty_database,
        )
        raw_sql.set_row(KEY, 0, empty_database)
        with in_time():
            assert process.turns(KEY, False) < 3


def test_with_the_database_down_the_first_call_is_bounded_and_later_ones_are_instant(down):
    with application(DATABASE_URL=down, FLAG_CONSOLE_CUSTOMER_NOTES="0") as process:
        value, seconds = process.timed(flags.is_on, KEY)
        assert value is False
        with in_time():
            assert seconds < 4
        assert_reads_are_instant(process)
        assert process.call(explained, OFF_BY_ENV) == [False, "env"]
        assert process.call(explained, ON_BY_YAML) == [True, "yaml"]


def test_a_database_that_comes_up_later_is_read(tmp_path):
    path = tmp_path / "later.sqlite3"
    with application(DATABASE_URL=f"sqlite:///{path}", FLAGS_TTL_SECONDS="1") as process:
        assert process.call(flags.is_on, KEY) is False
        raw_sql.change(
            "CREATE TABLE console_feature_flags (flag_key text, env text, value smallint)",
            f"sqlite:///{path}",
        )
        raw_sql.set_row(KEY, 1, f"sqlite:///{path}")
        with in_time():
            assert process.turns(KEY, True) < 3


# One that does not answer is given up after LOAD_SECONDS: only then could the values be lost.
@pytest.mark.parametrize(
    ("way", "seconds"), [("refuses", 1.5), ("does not answer", LOAD_SECONDS + 1)]
)
def test_a_database_that_goes_away_leaves_the_last_known_values(way, seconds):
    raw_sql.set_row(KEY, 1)
    with (
        outage(way) as database,
        application(DATABASE_URL=database.url, FLAGS_TTL_SECONDS="1") as process,
    ):
        assert process.call(flags.is_on, KEY) is True
        database.begin()
        time.sleep(seconds)
        assert process.call(explained, KEY) == [True, "db"]
        assert_reads_are_instant(process)
        # The least of some rounds: this machine makes everybody wait now and then.
        with in_time():
            assert min(process.call(hurting.worst_calls, KEY, 20_000, 10)) < WORST

        database.end()
        raw_sql.set_row(KEY, 0, database.url)
        # A load that began in the silence is given up first.
        with in_time():
            assert process.turns(KEY, False) < LOAD_SECONDS + 3
