"""No wait for PostgreSQL without an end.

A server that is gone without a word, behind a network that swallows packets, holds a blocking
client for as long as it likes: `connect_timeout` bounds connects alone, `statement_timeout` is the
server's own clock, and keepalives are answered by whatever swallows the rest. psycopg2 lets a
process wait by a function of its own; ours gives up. That covers everything that a connection waits
for: connecting, queries, COMMIT and ROLLBACK. psycopg2 then drops the connection, so what was not
committed is not done. Looking up a host's name is not covered, the C library does it: whoever
connects looks it up before, in the time that `look_up` gives.
"""

import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from django.db.backends.signals import connection_created
from psycopg2 import extensions

from audit.failures import let_go

WAIT_SECONDS = 6.0
CONNECT_SECONDS = 4.0
# A thread that just met silence does not wait as long for the next word.
AFTER_SILENCE_SECONDS = 2.0
SLOW_SECONDS = 0.25
# The server's own limits are shorter than ours, so a server that is there says that something took
# too long, and who hears nothing at all knows that it is not there. The last one frees, on a server
# that was cut off, what a session of ours still holds.
_SERVER_LIMITS = {
    "lock_timeout": "4s",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
}


class NoAnswer(psycopg2.OperationalError):
    """The server said nothing in time. Django makes an OperationalError of it."""


class _Patience(threading.local):
    """What this thread waits for, and until when."""

    until: float | None = None
    each: float | None = None
    left: float | None = None
    met_silence = False
    told_limits = False


_patience = _Patience()
_seconds: float | None = None
_waits: dict[int, float] = {}


def install() -> None:
    """Bound every wait of this process for PostgreSQL. For web processes, once, at their start.

    Each wait is over after WAIT_SECONDS (a connect: CONNECT_SECONDS), and the server is told its
    own limits. Connections with `async_=True` wait by themselves and are left alone. Raises, where
    a wait is over, `django.db.OperationalError`, caused by NoAnswer.
    """
    global _seconds
    _seconds = WAIT_SECONDS
    extensions.set_wait_callback(_wait)
    connection_created.connect(_tell_limits, dispatch_uid="audit.deadline")


@contextmanager
def answers_within(seconds: float) -> Iterator[None]:
    """Have all waits for PostgreSQL in this block, of this thread, be over after so many seconds.

    Together, beside what `install` says of each: for what must come to an end however slow the
    database is, in any process. A block within another one has its own time. Raises as `install`.
    """
    _have_callback()
    with _patient(until=time.monotonic() + seconds):
        yield


@contextmanager
def slow_answers_within(seconds: float) -> Iterator[None]:
    """Have the slow waits for PostgreSQL in this block, of this thread, be over after so many
    seconds together: those of more than SLOW_SECONDS each.

    For work that may be long as such, a thousand flips by one click, and must end all the same
    where the database is slow. Raises as `install`.
    """
    with _patient(left=seconds):
        yield


@contextmanager
def each_answer_within(seconds: float) -> Iterator[None]:
    """Have each wait for PostgreSQL in this block, of this thread, be over after so many seconds.

    For commands. A server that is reached in this block is told its limits: where somebody's lock
    is in the way, it says so before the time is over. Raises as `install`.
    """
    _have_callback()
    connection_created.connect(_tell_limits, dispatch_uid="audit.deadline")
    with _patient(each=seconds):
        try:
            yield
        finally:
            if _patience.told_limits:
                # They are for this block, and stay with the session.
                _patience.told_limits = False
                let_go()


@contextmanager
def _patient(**limit: float) -> Iterator[None]:
    """Have this limit of the thread's patience in this block, and the one before it after that."""
    [(name, seconds)] = limit.items()
    before = getattr(_patience, name)
    setattr(_patience, name, seconds)
    try:
        yield
    finally:
        setattr(_patience, name, before)


@contextmanager
def look_up() -> Iterator[float | None]:
    """For the block that finds the server's address: until when (monotonic), None for no end.

    Such a wait counts as one for the database. Raises, where the block raises TimeoutError,
    `psycopg2.OperationalError` of the kind NoAnswer.
    """
    with _waiting(connecting=True) as until:
        try:
            yield until
        except TimeoutError as error:
            _patience.met_silence = True
            raise NoAnswer(str(error)) from error


def _have_callback() -> None:
    if extensions.get_wait_callback() is None:
        extensions.set_wait_callback(_wait)


def was_silence(error: BaseException | None) -> bool:
    """Whether a wait that was given up is at the bottom of `error`. What failed after it, such as
    an attempt to connect anew, may have taken its place."""
    while error is not None:
        if isinstance(error, NoAnswer):
            return True
        error = error.__cause__ or error.__context__
    return False


def silent_waits(seconds: float) -> int:
    """How many threads of this process have waited for longer than that for one word."""
    since = time.monotonic() - seconds
    return sum(began < since for began in list(_waits.values()))


def _wait(connection: Any) -> None:
    """psycopg2's wait callback: drive the connection until it is ready, or give up."""
    began = time.monotonic()
    with _waiting(connecting=connection.status == extensions.STATUS_SETUP) as until:
        while (state := connection.poll()) != extensions.POLL_OK:
            # A new one each time: while it connects, libpq may go on with another socket.
            poll = select.poll()
            reading = state == extensions.POLL_READ
            poll.register(connection.fileno(), select.POLLIN if reading else select.POLLOUT)
            left = None if until is None else max(0.0, until - time.monotonic()) * 1000
            if not poll.poll(left):
                _patience.met_silence = True
                waited = time.monotonic() - began
                raise NoAnswer(f"the database did not answer within {waited:.1f} s")
    _patience.met_silence = False


@contextmanager
def _waiting(*, connecting: bool) -> Iterator[float | None]:
    """A wait of this thread, for as long as the block takes: until when; None: without an end."""
    thread, began = threading.get_ident(), time.monotonic()
    _waits[thread] = began
    try:
        yield _until(began, connecting=connecting)
    finally:
        del _waits[thread]
        took = time.monotonic() - began
        if _patience.left is not None and took > SLOW_SECONDS:
            _patience.left = max(0.0, _patience.left - took)


def _until(began: float, *, connecting: bool) -> float | None:
    longest = _patience.each
    if longest is None and _seconds is not None:
        longest = CONNECT_SECONDS if connecting else _seconds
        if _patience.met_silence:
            longest = min(longest, AFTER_SILENCE_SECONDS)
    if _patience.left is not None:
        left = max(SLOW_SECONDS, _patience.left)
        longest = left if longest is None else min(longest, left)
    if longest is None:
        return _patience.until
    return began + longest if _patience.until is None else min(began + longest, _patience.until)


def _tell_limits(sender: Any, connection: Any, **kwargs: Any) -> None:
    is_bound = _seconds is not None or _patience.each is not None
    if is_bound and connection.vendor == "postgresql":
        _patience.told_limits = _seconds is None
        with connection.cursor() as cursor:
            cursor.execute("; ".join(f"SET {name} = '{at}'" for name, at in _SERVER_LIMITS.items()))
