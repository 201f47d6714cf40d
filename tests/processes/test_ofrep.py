"""The official OpenFeature provider against a console's own processes: every answer it can get."""

import time
from datetime import UTC, datetime

import pytest
from django.db import connection
from openfeature.contrib.provider import ofrep as official
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason

from flags.models import ServiceToken
from tests.pages import HIGH, LOW
from tests.processes import raw_sql
from tests.processes.ofrep import (
    ask_all,
    client_of,
    new_token,
    provider,
    revoke_token,
    seconds_until,
    values_of,
)
from tests.processes.outage import outage
from tests.processes.server import web_server
from tests.timed import in_time

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED_WITHIN = 2.0
PATIENCE = 15.0
"""For what comes by itself, on a busy machine. That it comes in time is shown, with a clock of its
own, in test_live_tokens."""


def assert_refused(details: FlagEvaluationDetails, code: ErrorCode, word: str) -> None:
    """The default, and why it is that."""
    assert (details.value, details.reason, details.error_code) == (True, Reason.ERROR, code)
    assert word in (details.error_message or "")


def test_the_official_provider_understands_every_answer(declared, monkeypatch):
    raw_sql.set_row(LOW, 1)
    good, of_prod = new_token("reads"), new_token("prod", "prod")
    with web_server(workers=1) as base:
        with provider(base, good) as found, client_of(found) as client:
            on = client.get_boolean_details(LOW, False)
            assert (on.value, on.reason, on.variant) == (True, Reason.STATIC, "on")
            assert on.flag_metadata == {"source": "db", "risk": "low"}
            off = client.get_boolean_details(HIGH, True, EvaluationContext("user-17", {"a": [1]}))
            assert (off.value, off.variant, off.error_code) == (False, "off", None)
            assert off.flag_metadata["risk"] == "high"

            missing = client.get_boolean_details("no_such_flag", True)
            assert_refused(missing, ErrorCode.FLAG_NOT_FOUND, "No such flag")
            wrong_type = client.get_string_details(LOW, "default")
            assert (wrong_type.value, wrong_type.error_code) == (
                "default",
                ErrorCode.TYPE_MISMATCH,
            )
            bad = EvaluationContext(attributes={"targetingKey": 7})
            context = client.get_boolean_details(LOW, True, bad)
            assert_refused(context, ErrorCode.INVALID_CONTEXT, "targetingKey")
            with monkeypatch.context() as patch:
                patch.setattr(official, "_build_request_data", lambda context: [])
                body = client.get_boolean_details(LOW, True)
            assert_refused(body, ErrorCode.PARSE_ERROR, "JSON object")

            revoke_token("reads")
            seconds_until(401, base, good, within=PATIENCE)
            revoked = client.get_boolean_details(LOW, True)
            assert_refused(revoked, ErrorCode.GENERAL, "unauthorized")
        again = new_token("reads")
        seconds_until(200, base, again, within=PATIENCE)
        # Its connection is closed after this: what was not read of the body would be in the way.
        with provider(base, again) as found, client_of(found) as client:
            big = EvaluationContext(attributes={"a": "x" * 70_000})
            assert_refused(client.get_boolean_details(LOW, True, big), ErrorCode.GENERAL, "65536")
        with provider(base, of_prod) as found, client_of(found) as client:
            other = client.get_boolean_details(LOW, True)
            assert_refused(other, ErrorCode.GENERAL, "forbidden")
        with provider(base, again, header="X-API-Key") as found, client_of(found) as client:
            assert client.get_boolean_details(LOW, False).value is True
    assert ServiceToken.objects.get(name="reads", revoked_at=None).last_used_at


def test_the_provider_waits_as_long_as_it_is_told_to(declared):
    secret = new_token("reads")
    with (
        web_server(workers=1, OFREP_REQUESTS_PER_MINUTE="20") as base,
        provider(base, secret) as found,
        client_of(found) as client,
    ):
        # Every 3 seconds there is one more: on a busy machine before the first 20 are used up.
        answers = [client.get_boolean_details(HIGH, True)]
        while not answers[-1].value and len(answers) < 200:
            answers.append(client.get_boolean_details(HIGH, True))
        assert len(answers) > 20
        assert_refused(answers[-1], ErrorCode.GENERAL, "Rate limited")
        assert found.retry_after is not None
        wait = (found.retry_after - datetime.now(UTC)).total_seconds()
        assert 0 < wait <= 3
        assert_refused(client.get_boolean_details(HIGH, True), ErrorCode.GENERAL, "paused")
        time.sleep(wait + 0.1)
        assert client.get_boolean_details(HIGH, True).value is False


def test_the_list_is_304_from_every_process_until_a_flip_and_a_revoked_token_is_refused_by_all(
    declared,
):
    secret = new_token("reads")
    with web_server(workers=2, FLAGS_TTL_SECONDS="1") as base:
        first = ask_all(base, secret)
        etag = first.headers["ETag"]
        # A connection each: they are served by either worker.
        answers = [ask_all(base, secret, **{"If-None-Match": etag}) for _ in range(30)]
        assert {(each.status_code, each.content) for each in answers} == {(304, b"")}
        raw_sql.set_row(LOW, 1)
        began = time.monotonic()
        while (answer := ask_all(base, secret, **{"If-None-Match": etag})).status_code == 304:
            assert time.monotonic() - began < PATIENCE
            time.sleep(0.02)
        took = time.monotonic() - began
        assert values_of(answer)[LOW] is True

        revoke_token("reads")
        time.sleep(REFUSED_WITHIN)
        assert {ask_all(base, secret).status_code for _ in range(20)} == {401}
    with in_time():
        assert took < 5


@pytest.mark.parametrize("way", ["refuses", "does not answer"])
def test_while_the_database_is_away_last_known_flags_are_answered_and_a_fresh_process_says_503(
    declared, way
):
    if connection.vendor == "sqlite" and way != "refuses":
        pytest.skip("a lock keeps nobody from reading a file in WAL mode")
    raw_sql.set_row(LOW, 1)
    secret = new_token("reads")
    with outage(way) as database:
        console = {"DATABASE_URL": database.url, "FLAGS_TTL_SECONDS": "1"}
        with web_server(workers=1, OFREP_REQUESTS_PER_MINUTE="0", **console) as base:
            # It is asked nothing before: flags and tokens are read as the worker begins.
            time.sleep(1.0)
            database.begin()
            began, slowest = time.monotonic(), 0.0
            while time.monotonic() - began < 4.5:
                asked = time.monotonic()
                answer = ask_all(base, secret)
                slowest = max(slowest, time.monotonic() - asked)
                assert (answer.status_code, values_of(answer)[LOW]) == (200, True)
                assert ask_all(base, "wrong").status_code in (401, 503)
                time.sleep(0.05)
            assert int(answer.headers["X-Flags-Age"]) >= 2
            wrong = ask_all(base, "wrong")
            assert wrong.status_code == 503
            assert "This token is not among the live ones" in wrong.json()["errorDetails"]
            with in_time():
                assert slowest < 3
        with web_server(workers=1, **console) as base:
            answer = ask_all(base, secret)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
            assert answer.json()["errorCode"] == "GENERAL"
            assert "not read from the database since" in answer.json()["errorDetails"]
            database.end()
            seconds_until(200, base, secret, within=20)
