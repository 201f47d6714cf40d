"""What counts of what a console says, and how long a Retry-After is."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from flags.client.answers import NotUnderstood, Told, parse
from flags.client.later import MOST_SECONDS, retry_after
from tests.flags.client.fake_console import DECLARED, TOKEN, entry


def _parse(*entries):
    return parse(json.dumps({"flags": entries}).encode(), DECLARED)


def test_values_come_with_where_the_console_had_them_from():
    found = _parse(entry("a", True), entry("b", False, metadata={}))
    assert found.told == {"a": Told(True, "db", "high"), "b": Told(False)}
    assert found.unusable == {}


def test_flags_that_are_not_declared_here_are_left_out():
    assert _parse(entry("elsewhere", True), entry("odd", 7)).told == {}


@pytest.mark.parametrize(
    "odd",
    [
        *(entry("a", value) for value in (0, 1, "on", None, [], {}, 1.0)),
        {"key": "a"},
        {"key": "a", "errorCode": "GENERAL", "errorDetails": "no"},
        {"key": "a", "errorCode": "GENERAL", "value": True},
    ],
)
def test_an_entry_without_a_boolean_spoils_itself_alone(odd):
    found = _parse(odd, entry("b", True))
    assert found.told == {"b": Told(True, "db", "high")}
    assert list(found.unusable) == ["a"]


@pytest.mark.parametrize("metadata", [None, [], "db", {"source": 7, "risk": "x" * 200}])
def test_odd_metadata_is_none(metadata):
    assert _parse(entry("a", True, metadata=metadata)).told == {"a": Told(True)}


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"no", b"<html>", b"null", b"[]", b"{}", b'{"flags":{}}', b'{"flags":null}'),
        *(b'{"flags":[1]}', b'{"flags":[{}]}', b'{"flags":[{"key":1,"value":true}]}'),
        *(b"\xff\xfe", b"[" * 200_000, b'{"flags":' + b"9" * 5000 + b"}"),
        b'{"flags":[{"key":"a","value":true},{"key":"a","value":false}]}',
        b'{"flags":[{"key":"z","value":true},{"key":"z","value":true}]}',
        f'{{"token":"{TOKEN}"'.encode(),
    ],
)
def test_of_a_body_that_is_no_bulk_answer_nothing_is_used(body):
    with pytest.raises(NotUnderstood) as refused:
        parse(body, DECLARED)
    assert TOKEN not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_retry_after_is_whole_seconds_or_a_moment():
    assert retry_after("7") == 7
    later = datetime.now(UTC) + timedelta(seconds=60)
    assert 50 < retry_after(format_datetime(later, usegmt=True)) <= 60
    assert 50 < retry_after(later.isoformat()) <= 60
    assert 50 < retry_after(later.replace(tzinfo=None).isoformat()) <= 60


@pytest.mark.parametrize("text", [None, "", "soon", "-1", "1.5", "٣", "2001-01-01T00:00:00Z"])
def test_what_is_no_moment_to_come_asks_for_no_wait(text):
    assert retry_after(text) == 0


@pytest.mark.parametrize("text", ["301", "9" * 400, "9999-01-01T00:00:00Z"])
def test_no_console_is_waited_for_longer_than_five_minutes(text):
    assert retry_after(text) == MOST_SECONDS == 300
