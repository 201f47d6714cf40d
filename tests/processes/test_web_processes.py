"""Pages read the database: whichever web process answers, they agree."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import PASSWORD
from tests.processes.operators import make_operator
from tests.processes.outage import outage
from tests.processes.server import web_server
from tests.processes.session import Session

KEY = "console_billing"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator(declared) -> str:
    """Someone who can sign in: made by the command, because tests hash passwords differently."""
    make_operator("erin", "ops")
    return "erin"


def test_a_flip_on_one_web_process_is_on_the_page_of_another_at_once(operator):
    # Two servers of one worker each: of one server's workers, nobody could say which answers.
    with web_server(workers=1) as here, web_server(workers=1) as there:
        flipping, watching = (Session(base, operator, PASSWORD) for base in (here, there))
        for to in ("on", "off", "on"):
            drawn = watching.row(KEY)
            assert flipping.flip(KEY, to, drawn["seen"]).status == 200
            assert watching.row(KEY) | {"seen": ""} == {
                "flag": KEY,
                "env": "staging",
                "value": to,
                "source": "db",
                "risk": "low",
                "seen": "",
            }


def test_every_worker_of_a_server_draws_the_flip_at_once(operator):
    with web_server(workers=3) as base, ThreadPoolExecutor(6) as threads:
        session = Session(base, operator, PASSWORD)
        for to in ("on", "off"):
            session.flip(KEY, to, session.row(KEY)["seen"])
            drawn = threads.map(lambda _: session.row(KEY)["value"], range(24))
            assert set(drawn) == {to}


def test_while_the_database_is_away_a_flip_is_answered_503_and_afterwards_it_works(operator):
    with outage("refuses") as database, web_server(DATABASE_URL=database.url) as base:
        session = Session(base, operator, PASSWORD)
        seen = session.row(KEY)["seen"]
        database.begin()
        for refused in (session.flip(KEY, "on", seen), session.get("/console/flags")):
            assert refused.status == 503
            assert "database does not answer" in refused.text
        database.end()
        assert session.row(KEY) | {"value": "off", "seen": seen} == session.row(KEY)
        assert session.flip(KEY, "on", seen).status == 200
        assert session.row(KEY)["value"] == "on"
