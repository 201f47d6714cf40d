"""kill -9 of gunicorn workers that serve flips: what they answered is there, nothing half-done."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from urllib.parse import urlsplit

import psutil
import pytest

from tests.conftest import PASSWORD
from tests.processes.operators import make_operator
from tests.processes.server import web_server
from tests.processes.session import Session, drawn_row
from tests.sizes import size
from tests.soak.story import (
    assert_all_is_sealed,
    assert_the_story_is_whole,
    assert_what_was_acknowledged_is_there,
    told_changes,
)
from tests.soak.writer import KEYS

pytestmark = pytest.mark.django_db(transaction=True)

KILLS = size(5, 60)
_Gone = (OSError, HTTPException)


class Operator:
    """Someone who flips one flag to and fro, as fast as the server answers."""

    def __init__(self, base: str, key: str) -> None:
        self._session, self._key = Session(base, "erin", PASSWORD), key
        self.answered: list[dict[str, str]] = []
        self.in_doubt = 0

    def work(self, over: threading.Event) -> None:
        row: dict[str, str] | None = None
        while not over.is_set():
            try:
                row = row or self._session.row(self._key)
            except _Gone:
                continue
            row = self._flip(row)

    def _flip(self, row: dict[str, str]) -> dict[str, str] | None:
        to = "off" if row["value"] == "on" else "on"
        try:
            answer = self._session.flip(self._key, to, row["seen"])
        except _Gone:
            self.in_doubt += 1
            return None
        assert answer.status == 200, answer.text
        drawn = drawn_row(answer.text, self._key)
        self.answered.append({"outcome": "changed", "change": drawn["seen"].split(":")[1]})
        return drawn


@contextmanager
def at_work(operators: list[Operator]) -> Iterator[None]:
    over = threading.Event()
    with ThreadPoolExecutor(len(operators)) as threads:
        working = [threads.submit(operator.work, over) for operator in operators]
        try:
            yield
        finally:
            over.set()
        for one in working:
            one.result(60)


def workers_of(base: str) -> list[psutil.Process]:
    here = urlsplit(base).netloc
    servers = [one for one in psutil.Process().children() if here in one.cmdline()]
    return servers[0].children()


def wait_for_answers(operators: list[Operator], number: int, seconds: float = 60) -> None:
    wanted = number + sum(len(operator.answered) for operator in operators)
    deadline = time.monotonic() + seconds
    while sum(len(operator.answered) for operator in operators) < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_killed_web_workers_leave_nothing_half_done(declared, tmp_path):
    make_operator("erin", "ops")
    chance = random.Random(KILLS)
    with web_server(workers=2) as base:
        operators = [Operator(base, key) for key in KEYS]
        with at_work(operators):
            for _ in range(KILLS):
                wait_for_answers(operators, 1)
                time.sleep(chance.uniform(0, 0.03))
                chance.choice(workers_of(base)).kill()
            wait_for_answers(operators, 1)
    in_doubt = sum(operator.in_doubt for operator in operators)
    assert in_doubt > KILLS / 3
    answered = [note for operator in operators for note in operator.answered]
    changes = told_changes()
    assert_what_was_acknowledged_is_there(answered, changes, in_doubt)
    assert_the_story_is_whole(changes)
    assert_all_is_sealed()
