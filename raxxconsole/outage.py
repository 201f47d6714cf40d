"""What this process knows of a database that is away, and who may ask it meanwhile.

A database that refuses costs nothing: every request may ask. One that keeps silent holds a web
thread for seconds, and there are few of them. So after a silence all requests are answered at once
for some seconds, then one at a time asks again on behalf of all, until one is answered.
"""

import threading
import time
from datetime import datetime

from django.db import Error as DBError
from django.db import connection
from django.utils import timezone

from audit import deadline
from raxxconsole.gunicorn import threads

# What took that long was no refusal.
SILENCE_SECONDS = 1.0
ASK_AGAIN_SECONDS = 2.0
PROBE_SECONDS = 3.0


class _Known:
    """Shared by the threads; each attribute is written whole."""

    since: datetime | None = None
    """When the first of the failures came that no answer has followed."""
    ask_again_at: float | None = None
    """None: nothing is known against asking."""
    silences: int = 0


class _OfThread(threading.local):
    silences = 0


_known = _Known()
_of_thread = _OfThread()
_probing = threading.Lock()


def since() -> datetime:
    """When the database went away, as far as this process has seen."""
    return _known.since or timezone.now()


def may_ask() -> bool:
    """Whether a request may ask the database now, or is to say at once that it is away.

    Takes some seconds for the one request that finds out for all the others, no time otherwise.
    """
    if _of_thread.silences != _known.silences:
        # A connection from before the silence may be silent for ever.
        _of_thread.silences = _known.silences
        let_go()
    if deadline.silent_waits(SILENCE_SECONDS) >= threads - 1:
        # The last thread is for those who ask for no database, /healthz among them.
        return False
    if _known.ask_again_at is None:
        return True
    if time.monotonic() < _known.ask_again_at or not _probing.acquire(blocking=False):
        return False
    try:
        return _probe()
    finally:
        _probing.release()


def failed(seconds: float) -> None:
    """The database was away from a request that took so many seconds to find out."""
    if _known.since is None:
        _known.since = timezone.now()
    if seconds >= SILENCE_SECONDS:
        _known.silences += 1
        _known.ask_again_at = time.monotonic() + ASK_AGAIN_SECONDS


def answered() -> None:
    """The database answered a request."""
    _known.since = None


def let_go() -> None:
    """Close this thread's connection: the next question opens one to the database as it is then."""
    if not connection.in_atomic_block:
        connection.close()


def _probe() -> bool:
    let_go()
    try:
        with deadline.answers_within(PROBE_SECONDS), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DBError:
        _known.ask_again_at = time.monotonic() + ASK_AGAIN_SECONDS
        return False
    _known.ask_again_at = None
    return True
