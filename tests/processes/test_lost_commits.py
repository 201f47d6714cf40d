"""COMMIT's answer is lost on its way: what became of it is looked up, and never guessed."""

import re
from collections.abc import Iterator

import pytest

from audit import commits, deadline
from audit.models import AuditEntry
from flags.models import FeatureFlag
from tests.conftest import PASSWORD
from tests.flags.test_store import eventually
from tests.processes import committing, raw_sql
from tests.processes.application import Application, application
from tests.processes.operators import make_operator
from tests.processes.server import web_server
from tests.processes.session import Session
from tests.sizes import size
from tests.timed import in_time

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "console_billing"
ROUNDS = size(1, 10)
CUT_OR_SILENT = pytest.mark.parametrize("silent", [False, True], ids=["cut off", "left in silence"])
# In the short form the process gives up sooner; in the long one as a web process does.
WAIT, LOOK = size((1.5, 2.5), (deadline.WAIT_SECONDS, commits.LOOK_SECONDS))
# What a flip may take: COMMIT's own wait, a connect, and the look.
LONGEST = WAIT + deadline.AFTER_SILENCE_SECONDS + LOOK + 1.0
UNKNOWN = "It is not known whether this was done"
CHANGE_ID = re.compile(r"change_id = '([0-9a-f-]{36})'")
# Tests that run beside this one have databases of their own on the same server.
IN_TRANSACTION = (
    "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    " AND datname = current_database()"
)


@pytest.fixture
def process(declared, network) -> Iterator[Application]:
    raw_sql.set_row(KEY, 0)
    with application(DATABASE_URL=network.url) as process:
        process.call(committing.install, WAIT, LOOK)
        assert process.call(committing.flip, KEY, False)["outcome"] == "already"
        yield process


def flips(value: bool) -> int:
    """How many audit rows tell of a flip of KEY to this value by ourselves."""
    ours = AuditEntry.objects.filter(action="console.flag.flip", channel="cli", target_id=KEY)
    return ours.filter(payload__to=value).count()


def row() -> FeatureFlag:
    return FeatureFlag.objects.get(flag_key=KEY, env="staging")


@CUT_OR_SILENT
def test_one_that_was_done_is_told_as_done_with_all_that_comes_after_it(network, process, silent):
    for number in range(1, ROUNDS + 1):
        raw_sql.set_row(KEY, 0)
        network.lose_commit(reached=True, silent=silent)
        told, seconds = process.timed(committing.flip, KEY, True)
        assert network.lost_commits() == number
        assert told == {"outcome": "flipped", "error": "", "done": [KEY], "is_on": True}
        assert (row().value, flips(True)) == (1, number)
        with in_time():
            assert seconds < LONGEST


@CUT_OR_SILENT
def test_one_that_never_arrived_is_told_as_not_done_and_never_comes(network, process, silent):
    for number in range(1, ROUNDS + 1):
        network.lose_commit(reached=False, silent=silent)
        told, seconds = process.timed(committing.flip, KEY, True)
        assert network.lost_commits() == number
        assert (told["outcome"], told["done"]) == ("OperationalError", [])
        assert UNKNOWN not in told["error"]
        assert (row().value, flips(True)) == (0, 0)
        # The server has let go of the session that waits for it, and with it of the chain. An ended
        # session lets go of its locks first, and is listed for a moment more.
        assert eventually(lambda: raw_sql.rows(IN_TRANSACTION) == [(0,)])
        with in_time():
            assert seconds < LONGEST
    assert process.call(committing.flip, KEY, True)["outcome"] == "flipped"


@pytest.mark.parametrize("then", ["refuse", "swallow"])
@pytest.mark.parametrize("reached", [True, False], ids=["done", "not done"])
def test_one_that_cannot_be_looked_up_says_so_and_where_to_look(network, process, reached, then):
    network.lose_commit(reached=reached, silent=False, then=then)
    told, seconds = process.timed(committing.flip, KEY, True)
    assert (told["outcome"], told["done"]) == ("OutcomeUnknown", [])
    assert UNKNOWN in told["error"]
    (change_id,) = CHANGE_ID.findall(told["error"])
    network.forward()
    # What the message says is where it is, if it was done.
    assert AuditEntry.objects.filter(change_id=change_id).exists() is reached
    (statement,) = re.findall(r"SELECT .*;", told["error"])
    assert len(raw_sql.rows(statement)) == reached
    with in_time():
        assert seconds < LONGEST


@pytest.mark.parametrize("reached", [True, False], ids=["done", "not done"])
def test_an_act_without_a_change_id_is_looked_up_by_its_number(network, process, reached):
    network.lose_commit(reached=reached, silent=False)
    told = process.call(committing.note, "a")
    assert network.lost_commits() == 1
    assert told["outcome"] == ("noted" if reached else "OperationalError")
    assert AuditEntry.objects.filter(action="console.test.noted").count() == reached


@pytest.mark.parametrize("late", [0.3, 2.5], ids=["in time", "after the end"])
def test_one_that_arrives_after_it_was_given_up_is_waited_for_or_never_done(network, process, late):
    """Else the look finds nothing, "not done" is said, and then it is done."""
    network.lose_commit(reached=True, silent=True, late=WAIT + late)
    told = process.call(committing.flip, KEY, True)
    assert network.lost_commits() == 1
    # Whatever was still on its way has arrived by then.
    raw_sql.rows(f"SELECT pg_sleep({late})")
    arrived = late < 1
    assert told["outcome"] == ("flipped" if arrived else "OperationalError")
    assert (row().value, flips(True)) == (arrived, arrived)


def test_on_the_console_the_row_is_drawn_or_the_message_says_that_nobody_knows(network, declared):
    make_operator("erin", "ops")
    with web_server(workers=1, DATABASE_URL=network.url) as base:
        session = Session(base, "erin", PASSWORD)
        network.lose_commit(reached=True, silent=False)
        done = session.flip(KEY, "on", session.row(KEY)["seen"])
        assert network.lost_commits() == 1
        assert (done.status, session.row(KEY)["value"]) == (200, "on")

        network.lose_commit(reached=False, silent=False)
        not_done = session.flip(KEY, "off", session.row(KEY)["seen"])
        assert not_done.status == 503
        assert "Not flipped: " in not_done.text
        assert "No flag, promotion or operator was changed" in not_done.text
        assert (network.lost_commits(), session.row(KEY)["value"]) == (2, "on")

        network.lose_commit(reached=True, silent=False, then="refuse")
        unknown = session.flip(KEY, "off", session.row(KEY)["seen"])
        assert unknown.status == 503
        assert UNKNOWN in unknown.text
        assert "was changed" not in unknown.text
        assert "Not flipped" not in unknown.text
        network.forward()
        assert session.row(KEY)["value"] == "off"
