"""Who may ask a database that is away, and who finds out that it is back."""

import threading
import time

import pytest
from django.db import OperationalError

from audit import deadline
from audit.failures import Failure
from raxxconsole import outage
from tests.flags.test_store import eventually


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """A process to which nothing has happened yet, and that asks again soon."""
    known = outage._Known()
    monkeypatch.setattr(outage, "_known", known)
    monkeypatch.setattr(outage, "_of_thread", outage._OfThread())
    monkeypatch.setattr(outage, "ASK_AGAIN_SECONDS", 0.05)
    return known


@pytest.fixture
def answers(monkeypatch):
    """Whether the database answers whoever asks on behalf of all."""
    answers, asked = threading.Event(), []

    def is_answered() -> bool:
        asked.append(threading.current_thread().name)
        return answers.is_set()

    monkeypatch.setattr(outage, "_is_answered", is_answered)
    yield answers
    answers.set()
    assert eventually(lambda: "outage" not in {thread.name for thread in threading.enumerate()})
    assert set(asked) <= {"outage"}


def silence() -> OperationalError:
    error = OperationalError("did not answer")
    error.__cause__ = deadline.NoAnswer("did not answer")
    return error


def test_a_refusal_keeps_nobody_from_asking(known):
    assert outage.failed(OperationalError("refused")) is True
    assert outage.failed(OperationalError("refused")) is False
    assert outage.why_not_ask() is None
    assert "outage" not in {thread.name for thread in threading.enumerate()}


def test_since_is_the_first_failure_that_no_answer_has_followed(known):
    outage.failed(OperationalError("refused"))
    first = outage.since()
    time.sleep(0.01)
    outage.failed(OperationalError("refused"))
    assert outage.since() == first
    outage.answered()
    assert outage.since() > first


def test_after_a_silence_nobody_asks_until_it_is_over(known, answers, monkeypatch):
    monkeypatch.setattr(outage, "let_go", lambda: None)
    for _ in range(3):
        outage.failed(silence())
    assert [thread.name for thread in threading.enumerate()].count("outage") == 1
    time.sleep(0.2)
    assert outage.why_not_ask() is Failure.AWAY
    answers.set()
    assert eventually(lambda: outage.why_not_ask() is None)
    assert known.since is None


def test_a_silence_that_comes_again_is_found_out_again(known, answers, monkeypatch):
    monkeypatch.setattr(outage, "let_go", lambda: None)
    answers.set()
    for _ in range(2):
        outage.failed(silence())
        assert eventually(lambda: outage.why_not_ask() is None)


def test_each_thread_drops_once_the_connection_that_it_had_before_the_silence(
    known, answers, monkeypatch
):
    dropped: list[str] = []
    monkeypatch.setattr(outage, "let_go", lambda: dropped.append(threading.current_thread().name))
    answers.set()
    outage.failed(silence())
    assert eventually(lambda: outage.why_not_ask() is None)
    for name in ("a", "b"):
        for _ in range(2):
            thread = threading.Thread(target=outage.why_not_ask, name=name)
            thread.start()
            thread.join()
    here = threading.current_thread().name
    # A thread's memory ends with it: each of these four was a new one.
    assert [name for name in dropped if name == here] == [here]
    assert dropped.count("a") == dropped.count("b") == 2


@pytest.mark.parametrize(
    ("waiting", "why_not"), [(0, None), (2, None), (3, Failure.BUSY), (4, Failure.BUSY)]
)
def test_the_last_thread_is_kept_for_those_who_ask_no_database(
    known, monkeypatch, waiting, why_not
):
    monkeypatch.setattr(deadline, "silent_waits", lambda seconds: waiting)
    assert outage.why_not_ask() is why_not


@pytest.mark.django_db(transaction=True)
def test_whoever_asks_on_behalf_of_all_asks_the_database():
    told: list[bool] = []
    thread = threading.Thread(target=lambda: told.append(outage._is_answered()))
    thread.start()
    thread.join()
    assert told == [True]


def test_a_question_that_fails_oddly_is_asked_again(monkeypatch):
    """The thread that asks on behalf of all is the only way out of a silence."""

    def fail(seconds: float) -> None:
        raise MemoryError

    monkeypatch.setattr(outage, "let_go", lambda: None)
    monkeypatch.setattr(deadline, "answers_within", fail)
    assert outage._is_answered() is False
