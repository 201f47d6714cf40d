"""The formatter of the logs: one JSON object a line, whatever is in it."""

import io
import json
import logging
import re
import uuid

import pytest

from raxxconsole import logs

ASKED = "typed-into-a-search-99"
GIVEN = "router-0123456789"


@pytest.fixture
def logged():
    """What a logger of this project writes, as lines."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Formatter())
    handler.addFilter(logs.with_request_id)
    logger = logging.getLogger(f"tests.{uuid.uuid4()}")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    return logger, lambda: stream.getvalue().splitlines()


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        'a\r\n{"level": "INFO"}',
        "a\u2028b\u2029c\x85d\x0b\x0c",
        "\x1b[31mred",
        "\0",
        '"\\',
        "é🚩",
    ],
)
def test_no_text_can_break_its_line(logged, text):
    logger, lines = logged
    logger.warning("said %s", text, extra={"path": text})
    [line] = lines()
    assert line.isascii()
    assert line.isprintable()
    entry = json.loads(line)
    assert (entry["message"], entry["path"]) == (f"said {text}", text)
    assert (entry["level"], entry["logger"]) == ("WARNING", logger.name)


def test_a_lone_surrogate_is_written_too():
    line = logs.Formatter().format(logging.makeLogRecord({"msg": "\ud800"}))
    assert line.isascii()
    assert json.loads(line)["message"] == "\ud800"


def test_a_traceback_is_one_line(logged):
    logger, lines = logged
    try:
        raise ValueError("one\ntwo")
    except ValueError:
        logger.exception("failed")
    [line] = lines()
    assert json.loads(line)["exc_info"].endswith("ValueError: one\ntwo")


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, b"x", uuid.UUID(int=1), ValueError("x")],
    ids=lambda value: type(value).__name__,
)
def test_whatever_is_given_along_is_written(logged, value):
    logger, lines = logged
    logger.info("x", extra={"given": value})
    assert "given" in json.loads(lines()[0])


def test_a_line_has_the_id_of_the_request_that_runs_and_none_outside(logged):
    logger, lines = logged
    token = logs.request_id.set(GIVEN)
    logger.info("inside", extra={"request_id": "forged-0123456789"})
    logs.request_id.reset(token)
    logger.info("outside")
    assert [json.loads(line)["request_id"] for line in lines()] == [GIVEN, ""]


def test_a_request_that_is_handed_over_gives_its_id_and_nothing_else(logged, rf):
    logger, lines = logged
    request = rf.get(f"/console/elevate?token={ASKED}")
    request.request_id = GIVEN
    logger.error("failed", extra={"request": request})
    [line] = lines()
    assert json.loads(line)["request_id"] == GIVEN
    assert ASKED not in line
    assert "WSGIRequest" not in line


def test_the_time_is_utc_to_the_millisecond(logged):
    logger, lines = logged
    logger.info("x")
    said = json.loads(lines()[0])["time"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", said)
