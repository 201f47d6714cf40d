"""`/readyz` while the database hangs: one caller looks, the others do not wait for it."""

import threading
import time

import pytest

from raxxconsole import health
from tests.timed import in_time


@pytest.fixture
def hung(monkeypatch):
    """A look that hangs until the event is set, and an old answer to go by meanwhile."""
    began, answer = threading.Event(), threading.Event()

    def look() -> dict[str, str]:
        began.set()
        assert answer.wait(30)
        return {"database": "hung"}

    monkeypatch.setattr(health, "_look", look)
    monkeypatch.setattr(health, "_last", (time.monotonic() - 60, {"yaml": "old"}))
    looker = threading.Thread(target=health._problems)
    looker.start()
    assert began.wait(5)
    yield answer
    answer.set()
    looker.join()


def test_the_others_get_the_last_answer_at_once(hung):
    started = time.monotonic()
    assert [health._problems() for _ in range(20)] == [{"yaml": "old"}] * 20
    with in_time():
        assert time.monotonic() - started < 1


def test_an_answer_that_took_long_is_as_fresh_as_any(hung, monkeypatch):
    hung.set()
    while health._last[1] == {"yaml": "old"}:
        time.sleep(0.01)
    monkeypatch.setattr(health, "_look", lambda: pytest.fail("looked again"))
    assert health._problems() == {"database": "hung"}
