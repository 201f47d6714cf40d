"""One load of the client, and how long until the next: answers of every kind."""

import logging

import pytest

from flags.client.address import parse
from flags.client.source import REFUSED_SECONDS, ConsoleFailed, ConsoleSource
from flags.refresher import RETRY_SECONDS
from tests.flags.client.fake_console import DECLARED, TOKEN, bulk, console, entry, response
from tests.timed import in_time

INTERVAL = 10.0


@pytest.fixture
def server():
    with console() as running:
        yield running


@pytest.fixture
def source(server):
    return ConsoleSource(parse(server.url, TOKEN), DECLARED)


def failure(source: ConsoleSource) -> str:
    with pytest.raises(ConsoleFailed) as failed:
        source.load()
    return str(failed.value)


def test_it_asks_as_the_protocol_has_it(server, source):
    server.says(a=True, b=False, c=True)
    assert source.load() == {"a": True, "b": False, "c": True}
    [asked] = server.requests
    assert asked[""] == "POST /ofrep/v1/evaluate/flags HTTP/1.1"
    assert asked["host"] == f"127.0.0.1:{server.port}"
    assert asked["authorization"] == f"Bearer {TOKEN}"
    assert asked["content-type"] == "application/json"
    assert asked["body"] == '{"context":{}}'
    assert "if-none-match" not in asked


def test_an_unchanged_answer_is_known_by_its_etag_and_is_as_good(server, source):
    server.says(a=True)
    source.load()
    assert source.load() == {"a": True}
    server.says(a=False)
    assert source.load() == {"a": False}
    assert source.load() == {"a": False}
    assert [asked.get("if-none-match") for asked in server.requests] == [
        *(None, '"atrue"', '"atrue"', '"afalse"'),
    ]


def test_a_304_that_nobody_asked_for_is_no_answer(server, source):
    server.answer = response(304)
    assert failure(source) == "the console answered 304"


@pytest.mark.parametrize("etag", ["", "x" * 300, "a\tb", "ä"])
def test_an_etag_that_no_request_can_carry_is_left_out(server, source, etag):
    server.answer = bulk(entry("a", True), etag=etag)
    assert source.load() == source.load() == {"a": True}
    assert "if-none-match" not in server.requests[1]


def test_an_entry_that_is_no_value_leaves_the_flag_as_the_console_last_had_it(
    server, source, caplog
):
    broken = {"key": "a", "errorCode": "GENERAL", "errorDetails": f"Bearer {TOKEN}"}
    server.answer = bulk(broken, entry("b", True), entry("c", True))
    assert source.load() == {"b": True, "c": True}
    server.answer = bulk(entry("a", True), entry("b", True), entry("c", True))
    source.load()
    server.answer = bulk(broken, entry("b", "on"), entry("c", False))
    assert source.load() == source.load() == {"a": True, "b": True, "c": False}
    assert [record.getMessage() for record in caplog.records] == [
        "the console has an error in place of its value for flag a",
        "the console has a value that is not true or false for flag b",
    ]


def test_a_flag_that_the_console_does_not_know_is_left_to_the_other_layers(server, source, caplog):
    server.says(a=True, b=True, c=True)
    source.load()
    server.says(c=True)
    assert source.load() == source.load() == {"c": True}
    assert [record.getMessage() for record in caplog.records] == [
        "the console does not know a, b: env and yaml answer for it"
    ]


@pytest.mark.parametrize(("said", "age"), [("7", 7.0), ("0", 0.0), ("-1", 0.0), ("9" * 30, 0.0)])
def test_the_age_of_the_consoles_own_rows_is_told(server, source, said, age):
    server.answer = bulk(entry("a", True), X_Flags_Age=said)
    source.load()
    told = source.age
    assert told >= age
    with in_time():
        assert told < age + 0.5


def test_an_answer_of_older_rows_changes_nothing(server, source):
    server.answer = bulk(entry("a", True), etag='"new"', X_Flags_Age="3")
    assert source.load() == {"a": True}
    # Another of the console's processes, which has not heard of the flip yet.
    server.answer = bulk(entry("a", False), etag='"old"', X_Flags_Age="8")
    assert source.load() == source.load() == {"a": True}
    told = source.age
    assert told >= 3
    assert source.fresh().load() == {"a": True}
    assert server.requests[-2]["if-none-match"] == '"new"'
    # The age is told in whole seconds: this one may be as new.
    server.answer = bulk(entry("a", False), X_Flags_Age="4")
    assert source.load() == {"a": False}
    with in_time():
        assert told < 4


def test_an_answer_with_less_of_an_age_is_as_good_where_nothing_changed(server, source):
    server.answer = bulk(entry("a", True), etag='"1"', X_Flags_Age="9")
    source.load()
    server.answer = response(304, X_Flags_Age="2")
    source.load()
    first = source.age
    server.answer = response(304, X_Flags_Age="20")
    source.load()
    second = source.age
    assert 2 <= first <= second < 20
    with in_time():
        assert second < 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server, source, status):
    with console() as elsewhere:
        elsewhere.says(a=True)
        server.answer = response(status, Location=f"{elsewhere.url}/{TOKEN}")
        said = failure(source)
        assert elsewhere.requests == []
    assert said == f"the console redirects elsewhere ({status}): its url is another one"


@pytest.mark.parametrize("status", [400, 404, 413, 418, 429, 500, 503, 599])
def test_other_answers_are_failures_in_words_of_our_own(server, source, status):
    server.answer = response(status, f'{{"errorDetails": "Bearer {TOKEN}"}}'.encode())
    assert failure(source) == f"the console answered {status}"


@pytest.mark.parametrize(("status", "what"), [(401, "create_service_token"), (403, "environment")])
def test_a_refused_token_is_said_once_and_shown_again_slowly(server, source, caplog, status, what):
    server.answer = response(status)
    for _ in range(3):
        assert failure(source) == f"the console refuses the token ({status})"
    [told] = caplog.records
    assert told.levelno == logging.ERROR
    assert what in told.getMessage()
    assert server.url in told.getMessage()
    assert 0.8 * REFUSED_SECONDS <= source.pause(INTERVAL, 3) <= REFUSED_SECONDS
    server.answer = response(500)
    failure(source)
    assert source.pause(INTERVAL, 4) < INTERVAL + 1
    server.says(a=True, b=True, c=True)
    source.load()
    server.answer = response(status)
    failure(source)
    assert len(caplog.records) == 2
    assert TOKEN not in caplog.text


def test_processes_that_start_together_do_not_ask_together(source):
    pauses = {source.pause(INTERVAL, 0) for _ in range(100)}
    assert len(pauses) > 90
    assert 0.8 * INTERVAL <= min(pauses) <= max(pauses) <= INTERVAL


def test_a_console_that_fails_is_asked_less_and_less_but_within_the_interval(source):
    for failures, least in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (2000, 10)):
        least *= RETRY_SECONDS
        pauses = [source.pause(INTERVAL, failures) for _ in range(50)]
        assert least / 2 <= min(pauses) <= max(pauses) <= least
    assert source.pause(0.1, 1) <= 0.1


@pytest.mark.parametrize("status", [429, 503])
def test_a_console_that_says_when_is_asked_then(server, source, status):
    server.answer = response(status, Retry_After="20")
    failure(source)
    assert 20 <= source.pause(INTERVAL, 1) <= 22
    server.answer = response(status)
    failure(source)
    assert source.pause(INTERVAL, 1) <= 1


def test_another_source_takes_over_what_was_known(server, source):
    server.says(a=True)
    source.load()
    server.answer = bulk({"key": "a", "value": 3})
    assert source.fresh().load() == {"a": True}
