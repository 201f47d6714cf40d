"""What this process knows of a database that is away, and who may ask it meanwhile.

A database that refuses costs nothing: every request may ask. One that keeps silent holds a web
thread for seconds, and there are few of them. So after a silence requests are answered at once, and
a thread of its own asks on behalf of all until it is answered.
"""

import logging
import threading
import time
from datetime import datetime

from django.db import Error as DBError
from django.db import connection
from django.utils import timezone

from audit import deadline
from audit.failures import Failure, let_go, takes_no_changes
from raxxconsole.gunicorn import threads

logger = logging.getLogger(__name__)

# Whoever has waited that long for one word may be waiting for nothing.
SILENCE_SECONDS = 1.0
ASK_AGAIN_SECONDS = 2.0
PROBE_SECONDS = 3.0


class _Known:
    """Shared by the threads; each attribute is written whole."""

    since: datetime | None = None
    """When the first of the failures came that no answer has followed."""
    is_silent = False
    silences = 0


class _OfThread(threading.local):
    silences = 0


_known = _Known()
_of_thread = _OfThread()
_lock = threading.Lock()


def since() -> datetime:
    """When this process first noticed that the database is away. It may have gone before: nobody
    noticed it until somebody asked."""
    return _known.since or timezone.now()


def why_not_ask() -> Failure | None:
    """What a request is to say at once, instead of asking the database; None: it may ask."""
    if _of_thread.silences != _known.silences:
        # A connection from before the silence may be silent for ever.
        _of_thread.silences = _known.silences
        let_go()
    let_go_of_read_only()
    if _known.is_silent:
        return Failure.AWAY
    # The last thread is for those who ask for no database, /healthz among them.
    all_wait = deadline.silent_waits(SILENCE_SECONDS) >= threads - 1
    return Failure.BUSY if all_wait else None


def failed(error: Exception) -> bool:
    """The database was away from a request, which had this error. Returns whether that is news."""
    is_news = _known.since is None
    if is_news:
        _known.since = timezone.now()
    if deadline.was_silence(error):
        with _lock:
            _known.silences += 1
            if not _known.is_silent:
                # Started first: without the thread nothing would end the silence.
                threading.Thread(target=_ask_until_answered, name="outage", daemon=True).start()
                _known.is_silent = True
    return is_news


def answered() -> None:
    """The database answered."""
    _known.since = None


def let_go_of_read_only() -> None:
    """A session stays read-only as it began, whatever the server does since: begin a new one."""
    if takes_no_changes(connection):
        let_go()


def _ask_until_answered() -> None:
    while not _is_answered():
        time.sleep(ASK_AGAIN_SECONDS)
    with _lock:
        _known.is_silent = False
    answered()


def _is_answered() -> bool:
    try:
        with deadline.answers_within(PROBE_SECONDS), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return True
    except DBError:
        return False
    except Exception:
        logger.exception("whether the database answers could not be found out: asked again")
        return False
    finally:
        let_go()
