"""Eight sessions post the same form at the same moment, to gunicorn with several workers."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from audit.models import AuditEntry
from tests.conftest import PASSWORD
from tests.processes.operators import make_operator
from tests.processes.server import web_server
from tests.processes.session import Answer, Session, drawn_row
from tests.sizes import size

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "console_billing"
SESSIONS = 8
ROUNDS = size(6, 25)


@pytest.fixture
def sessions(declared):
    """Eight sessions of one operator, on one server."""
    make_operator("erin", "ops")
    with web_server(workers=4) as base:
        yield [Session(base, "erin", PASSWORD) for _ in range(SESSIONS)]


def post_at_once(sessions: list[Session], wanted: list[str], seen: str) -> list[Answer]:
    """Each session's answer to its flip; all of them saw the same."""
    start = threading.Barrier(len(sessions))

    def click(session: Session, to: str) -> Answer:
        start.wait(30)
        return session.flip(KEY, to, seen)

    with ThreadPoolExecutor(len(sessions)) as threads:
        return list(threads.map(click, sessions, wanted))


def told(answer: Answer) -> str:
    """What the operator reads: "flipped", "already", or "moved" where it was refused."""
    row = answer.text
    if answer.status == 409 and "was changed meanwhile" in row:
        return "moved"
    assert answer.status == 200, row
    return "already" if "already o" in row else "flipped"


def flips() -> list[dict]:
    entries = AuditEntry.objects.filter(action="console.flag.flip").order_by("id")
    return [entry.payload for entry in entries]


def test_of_the_same_click_in_eight_sessions_one_flips_and_seven_are_told(sessions):
    for number in range(1, ROUNDS + 1):
        drawn = sessions[0].row(KEY)
        to = "off" if drawn["value"] == "on" else "on"
        answers = post_at_once(sessions, [to] * SESSIONS, drawn["seen"])
        assert Counter(map(told, answers)) == {"flipped": 1, "already": SESSIONS - 1}
        assert {drawn_row(answer.text, KEY)["value"] for answer in answers} == {to}
        assert len(flips()) == number


def test_of_opposite_clicks_one_wins_and_the_others_are_told_so(sessions):
    wanted = ["on", "off"] * (SESSIONS // 2)
    for number in range(1, ROUNDS + 1):
        answers = post_at_once(sessions, wanted, sessions[0].row(KEY)["seen"])
        outcomes = list(zip(wanted, map(told, answers), strict=True))
        written = flips()
        winner = "on" if written[-1]["to"] else "off"
        assert len(written) == number
        assert [to for to, outcome in outcomes if outcome == "flipped"] == [winner]
        assert winner not in [to for to, outcome in outcomes if outcome == "moved"]
    values = [False, *(payload["to"] for payload in flips())]
    assert [payload["from"] for payload in flips()] == values[:-1]
