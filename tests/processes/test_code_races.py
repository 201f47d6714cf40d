"""Eight sessions of one person bring a code at the same moment, to gunicorn with four workers."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.enrolment import RECOVERY_CODES, renew_codes
from accounts.models import OperatorSession, RecoveryCode, User
from audit.models import AuditEntry
from tests.codes import DROP, ELEVATE, code_of, wrong_code
from tests.conftest import PASSWORD, console_actor
from tests.processes.operators import make_operator
from tests.processes.server import web_server
from tests.processes.session import Answer, Session
from tests.sizes import size

pytestmark = pytest.mark.django_db(transaction=True)

SESSIONS = 8
ROUNDS = size(5, 25)
ELEVATED = "data-elevated-seconds"
LOOKED_AT = "That code is not right."
NOT_LOOKED_AT = "This one was not looked at."
USED = "code was used already"


@pytest.fixture
def sessions(declared):
    """Eight sessions of one enrolled operator, on one server."""
    make_operator("erin", "ops", totp=True)
    with web_server(workers=4) as base, ThreadPoolExecutor(SESSIONS) as threads:
        yield list(threads.map(lambda _: Session(base, "erin", PASSWORD), range(SESSIONS)))


def device() -> TOTPDevice:
    return TOTPDevice.objects.get(user__username="erin")


def give_at_once(sessions: list[Session], code: str) -> list[Answer]:
    """Each session's answer to the code; a good one's is the page that it leads to."""
    start = threading.Barrier(len(sessions))

    def give(session: Session) -> Answer:
        start.wait(30)
        return session.post(ELEVATE, token=code)

    with ThreadPoolExecutor(len(sessions)) as threads:
        return list(threads.map(give, sessions))


def told(answer: Answer) -> str:
    """What the operator reads."""
    if answer.status == 200 and ELEVATED in answer.text:
        return "elevated"
    if answer.status == 429 and NOT_LOOKED_AT in answer.text:
        return "not looked at"
    assert answer.status == 403, answer
    return "wrong" if LOOKED_AT in answer.text else "used" if USED in answer.text else answer.text


def elevated_ones(sessions: list[Session]) -> list[int]:
    """The numbers of the sessions that are elevated now."""
    return [
        number
        for number, session in enumerate(sessions)
        if ELEVATED in session.get("/console/").text
    ]


def audited(what: str) -> Counter:
    entries = AuditEntry.objects.filter(action=f"console.operator.{what}")
    return Counter(entry.payload.get("reason", "-") for entry in entries)


def one_elevates(sessions: list[Session], code: str) -> Counter:
    """Of all who bring the code one is elevated and the others are told why not; it drops again.

    Returns how many were told what.
    """
    outcomes = [told(answer) for answer in give_at_once(sessions, code)]
    counts = Counter(outcomes)
    assert counts["elevated"] == 1, counts
    assert set(counts) <= {"elevated", "used", "not looked at"}
    winner = outcomes.index("elevated")
    assert elevated_ones(sessions) == [winner]
    assert OperatorSession.objects.exclude(elevated_at=None).count() == 1
    assert device().throttling_failure_count == 0
    assert sessions[winner].post(DROP).status == 200
    assert elevated_ones(sessions) == []
    return counts


def test_of_eight_who_bring_one_code_at_once_one_is_elevated(sessions):
    counts = Counter()
    for _ in range(ROUNDS):
        TOTPDevice.objects.filter(user__username="erin").update(last_t=-1)
        counts += one_elevates(sessions, code_of(device()))
    assert counts["elevated"] == ROUNDS
    assert audited("elevated").total() == audited("elevation_dropped").total() == ROUNDS
    assert audited("elevation_refused") == {
        reason: count
        for reason, count in {
            "code used before": counts["used"],
            "too soon": counts["not looked at"],
        }.items()
        if count
    }


def test_of_eight_who_bring_one_recovery_code_at_once_one_is_elevated(sessions):
    erin = User.objects.get(username="erin")
    codes = renew_codes(erin, actor=console_actor(erin, elevated=True), now=timezone.now())
    for number, code in enumerate(codes, start=1):
        one_elevates(sessions, code)
        assert RecoveryCode.objects.filter(used_at=None).count() == RECOVERY_CODES - number
    assert audited("elevated").total() == RECOVERY_CODES


def test_of_eight_who_bring_a_wrong_code_at_once_one_is_looked_at(sessions):
    long_ago = timezone.now() - timedelta(hours=1)
    for _ in range(ROUNDS):
        # After six failures the next one means a minute's wait: no answer outlasts that.
        TOTPDevice.objects.filter(user__username="erin").update(
            throttling_failure_count=6, throttling_failure_timestamp=long_ago
        )
        counts = Counter(map(told, give_at_once(sessions, wrong_code(device()))))
        assert counts == {"wrong": 1, "not looked at": SESSIONS - 1}
        assert device().throttling_failure_count == 7
    assert elevated_ones(sessions) == []
    assert audited("elevation_refused") == {
        "wrong code": ROUNDS,
        "too soon": ROUNDS * (SESSIONS - 1),
    }


def test_a_first_wrong_code_at_once_counts_as_often_as_one_was_looked_at(sessions):
    counts = Counter(map(told, give_at_once(sessions, wrong_code(device()))))
    assert set(counts) <= {"wrong", "not looked at"}
    assert device().throttling_failure_count == counts["wrong"] >= 1
