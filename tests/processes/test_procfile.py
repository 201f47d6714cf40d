"""The Procfile's own lines, run as Heroku runs them, with production's settings.

On PostgreSQL alone: a dyno's disk ends with the dyno, so no deployment there has an SQLite file.
"""

import gzip
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import psycopg2
import pytest
from django.db import connection

from flags import runtime
from tests.conftest import PASSWORD
from tests.processes import raw_sql
from tests.processes.heroku import HOST, THROUGH_ROUTER, Deployment, Web, build, empty_database
from tests.processes.session import Session, drawn_row

KEY = "console_billing"
NO_ISSUE = "System check identified no issues (0 silenced)."
FAR_FUTURE = "max-age=315360000, public, immutable"
DECLARED = "SELECT env, count(*) FROM console_declared_flags GROUP BY env ORDER BY env"
LOCKED = f"SELECT 1 FROM console_feature_flags WHERE flag_key = '{KEY}' FOR UPDATE"
WAITING = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)

if connection.vendor == "postgresql":

    @pytest.fixture(scope="module")
    def staging(django_db_setup, tmp_path_factory) -> Iterator[Deployment]:
        """Built, on an empty database."""
        with empty_database() as url:
            yield build(tmp_path_factory.mktemp("heroku"), url)

    @pytest.fixture(scope="module")
    def released(staging) -> Deployment:
        """Released, with an operator."""
        release(staging)
        create = ("create_operator", "erin", "--role", "ops")
        staging.with_config(OPERATOR_PASSWORD=PASSWORD).manage(*create)
        return staging

    @pytest.fixture(scope="module")
    def web(released) -> Iterator[Web]:
        with released.web() as web:
            yield web

    def test_a_bad_flags_file_stops_the_release_before_anything_is_migrated(staging):
        (staging.slug / "bad.yaml").write_text("checkout_express: {risk: enormous}\n")
        with empty_database() as url:
            done = staging.with_config(FEATURE_FLAGS_FILE="bad.yaml", DATABASE_URL=url).release()
            assert done.returncode == 1
            assert "bad.yaml:1: checkout_express" in done.stdout
            assert raw_sql.rows("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", url) == []

    def test_a_release_may_be_repeated_and_prod_has_its_own_on_the_same_database(released):
        prod = released.with_config(
            CONSOLE_ENV="prod",
            HEROKU_APP_NAME="raxx-console-prod",
            SECRET_KEY=released.config["SECRET_KEY"][::-1],
        )
        url, count = released.config["DATABASE_URL"], len(runtime.declared())
        assert raw_sql.rows(DECLARED, url) == [("staging", count)]
        release(released)
        release(prod)
        assert raw_sql.rows(DECLARED, url) == [("prod", count), ("staging", count)]

    def test_it_serves_what_the_release_declared_and_flips(released, web):
        session = sign_in(web)
        page = session.get("/console/flags")
        assert set(re.findall(r'data-flag="(\w+)"', page.text)) == set(runtime.declared())
        row = session.row(KEY)
        assert (row["env"], row["value"], row["source"]) == ("staging", "off", "yaml")
        assert session.flip(KEY, "on", row["seen"]).status == 200
        row = session.row(KEY)
        assert (row["value"], row["source"]) == ("on", "db")

    def test_probes_are_answered_and_plain_http_leads_to_https(web):
        assert [web.fetch(path, Host=HOST).status for path in ("/healthz", "/readyz")] == [200, 200]
        answer = web.fetch("/console/flags", Host=HOST)
        assert answer.status == 301
        assert answer.headers["Location"] == f"https://{HOST}/console/flags"

    def test_the_static_files_of_a_page_are_compressed_and_cached_for_ever(web):
        page = web.fetch("/console/login", **THROUGH_ROUTER).body.decode()
        named = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
        assert {path.rpartition(".")[2] for path in named} == {"css", "js", "svg"}
        for path in named:
            assert re.search(r"\.[0-9a-f]{12}\.\w+$", path)
            whole = web.fetch(path, **THROUGH_ROUTER)
            small = web.fetch(path, **THROUGH_ROUTER, **{"Accept-Encoding": "gzip"})
            for answer in (whole, small):
                assert (answer.status, answer.headers["Cache-Control"]) == (200, FAR_FUTURE)
            assert whole.headers["Content-Encoding"] is None
            assert small.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(small.body) == whole.body != b""

    def test_told_to_stop_it_takes_no_new_request_and_finishes_what_it_has(released):
        url = released.config["DATABASE_URL"]
        with released.web() as web, ThreadPoolExecutor(1) as threads:
            session = sign_in(web)
            to = "off" if session.row(KEY)["value"] == "on" else "on"
            # The row must be there to be locked.
            session.flip(KEY, to, session.row(KEY)["seen"])
            drawn = session.row(KEY)
            back = "off" if to == "on" else "on"
            with locked_row(url):
                answer = threads.submit(session.flip, KEY, back, drawn["seen"])
                wait_until(lambda: raw_sql.rows(WAITING, url))
                web.stop()
                wait_until(web.is_refusing)
                # Longer than a worker without a request takes to end.
                time.sleep(1)
                assert not answer.done()
            assert answer.result(30).status == 200
            assert drawn_row(answer.result().text, KEY)["value"] == back
            # By itself, and well within the 25 s after which gunicorn gives up.
            assert web.ended_with(within=10) == 0
        assert released.manage("audit_verify").endswith("no damage found.\n")


def release(deployment: Deployment) -> None:
    done = deployment.release()
    assert done.returncode == 0, done.stdout
    # check --deploy comes first, the check of the database last: either would tell its warnings.
    assert done.stdout.count(NO_ISSUE) == 2, done.stdout


def sign_in(web: Web) -> Session:
    return Session(web.base, "erin", PASSWORD, through=THROUGH_ROUTER)


@contextmanager
def locked_row(url: str) -> Iterator[None]:
    """Whoever changes the DB row of KEY waits until the block is left."""
    with closing(psycopg2.connect(url)) as other, other.cursor() as cursor:
        cursor.execute(LOCKED)
        assert cursor.rowcount == 1
        yield


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
