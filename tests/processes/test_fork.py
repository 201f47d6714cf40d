"""`flags.is_on()` after a fork, in the child and in the parent."""

import os
import signal
import sys
import time

import pytest
from django.db import connection

import flags
from tests.processes import raw_sql
from tests.processes.application import Application, application, serve
from tests.processes.outage import outage
from tests.timed import in_time

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "console_billing"

_child: tuple[int, Application]


def fork() -> None:
    """Fork this process. The child answers until it is hung up, then ends as any program does."""
    global _child
    questions, ask = os.pipe()
    hear, answers = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ask)
        os.close(hear)
        serve(os.fdopen(questions), os.fdopen(answers, "w"))
        # Not os._exit: the objects that were inherited are torn down as well.
        sys.exit(0)
    os.close(questions)
    os.close(answers)
    _child = pid, Application(os.fdopen(ask, "w"), os.fdopen(hear))


def fork_and_sleep() -> int:
    """Fork a child that never reads a flag, and lets go of the pipes. Its pid."""
    pid = os.fork()
    if pid == 0:
        for stream in (0, 1):
            os.close(stream)
        signal.pause()
    return pid


def child_is_on(key: str) -> bool:
    return _child[1].call(flags.is_on, key)


def end_child() -> int:
    """The exit code of the child, after it ended by itself."""
    pid, child = _child
    child.hang_up()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_child_and_parent_both_see_later_changes():
    with application(FLAGS_TTL_SECONDS="1") as parent:
        assert parent.call(flags.is_on, KEY) is False
        parent.call(fork)
        assert parent.call(child_is_on, KEY) is False
        raw_sql.set_row(KEY, 1)
        took = parent.turns(KEY, True, child_is_on), parent.turns(KEY, True)
        assert parent.call(end_child) == 0
        with in_time():
            assert max(took) < 3


def test_the_child_has_a_database_session_of_its_own_and_leaves_the_parents_alone():
    with application(FLAGS_TTL_SECONDS="1") as parent:
        parent.call(flags.is_on, KEY)
        before = raw_sql.store_sessions()
        parent.call(fork)
        parent.call(child_is_on, KEY)
        sessions = 2 if connection.vendor == "postgresql" else 0
        assert len(raw_sql.store_sessions()) == sessions
        assert parent.call(end_child) == 0
        raw_sql.set_row(KEY, 1)
        took = parent.turns(KEY, True)
        assert raw_sql.store_sessions() == before
        with in_time():
            assert took < 3


def test_a_child_keeps_no_session_of_a_parent_that_is_gone():
    with application() as parent:
        parent.call(flags.is_on, KEY)
        before = raw_sql.store_sessions()
        idle = parent.call(fork_and_sleep)
        try:
            os.kill(parent.call(os.getpid), signal.SIGKILL)
            until = time.monotonic() + 5
            while raw_sql.store_sessions() & before and time.monotonic() < until:
                time.sleep(0.05)
            assert not raw_sql.store_sessions() & before
        finally:
            os.kill(idle, signal.SIGKILL)


def test_a_child_whose_database_is_away_keeps_the_parents_values():
    raw_sql.set_row(KEY, 1)
    with (
        outage("refuses") as database,
        application(FLAGS_TTL_SECONDS="1", DATABASE_URL=database.url) as parent,
    ):
        assert parent.call(flags.is_on, KEY) is True
        database.begin()
        parent.call(fork)
        assert parent.call(child_is_on, KEY) is True
        # Longer than the TTL: the refreshes that failed took nothing away.
        time.sleep(1.2)
        assert parent.call(child_is_on, KEY) is True
