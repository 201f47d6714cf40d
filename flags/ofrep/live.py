"""The live tokens as this process knows them: no query for a request."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import Error as DBError
from django.db import connection
from django.utils import timezone

from audit.deadline import answers_within
from audit.failures import let_go
from flags.models import ServiceToken

logger = logging.getLogger(__name__)

FRESH_SECONDS = 1.0
"""What is known is used without a look at the table for so long."""
WAITED_FOR_SECONDS = 2.0
"""Older than that, a request waits for the look that another thread has begun."""
UNKNOWN_SECONDS = 0.3
"""For a token that is not known the table is looked at again after so long."""
GOOD_SECONDS = 600.0
"""So long what is known is good while the database is away, or too slow: a token that is revoked
meanwhile is good as long in other processes. Services keep their last known values after that."""
KEPT_SECONDS = 5.0
"""Without a request the table is looked at again after so long, whenever the flags are read."""
LOOK_SECONDS = 1.0
"""A look, and waiting for one, is over after so long."""
RETRY_SECONDS = 3.0
"""After a look that failed there is none for so long: of a silent database each costs a wait."""
NOTE_SECONDS = 60.0
"""How often the use of a token is noted, by each process."""

_NEVER_READ = "The service tokens were not read from the database since this process began."
_READ_LONG_AGO = (
    f"The service tokens were last read from the database more than {GOOD_SECONDS / 60:.0f} "
    "minutes ago, too long ago to go by."
)
_NOT_AMONG_THOSE_READ = (
    "This token is not among the live ones that this process knows, and the database, which may "
    "have it by now, cannot be asked at the moment."
)


@dataclass(frozen=True, slots=True)
class Live:
    """A token that is not revoked."""

    pk: int
    name: str
    env: str
    app: str
    hint: str


class TokensUnknown(Exception):
    """Whether a token is live cannot be known here: the text, a sentence for whoever asks, says
    why. Nothing was read of the table since the process began, or not for GOOD_SECONDS, or not
    this token, and the table cannot be looked at."""


def read_table() -> Mapping[str, Live]:
    """The live tokens of all environments, by the hash of their secret. Raises a database error."""
    with _impatient(LOOK_SECONDS):
        rows = ServiceToken.objects.filter(revoked_at=None)
        found = rows.values_list("secret_hash", "pk", "name", "env", "app", "hint")
        return {of: Live(pk, name, env, app, hint) for of, pk, name, env, app, hint in found}


def write_use(pk: int) -> None:
    """Note that the token is in use. Raises a database error."""
    with _impatient(LOOK_SECONDS / 2):
        ServiceToken.objects.filter(pk=pk).update(last_used_at=timezone.now())


class LiveTokens:
    """Looks at the table at most once in FRESH_SECONDS, in the thread of a request that finds it
    older than that; the others go on with what is known. Seconds are monotonic."""

    def __init__(
        self,
        read: Callable[[], Mapping[str, Live]] = read_table,
        note: Callable[[int], None] = write_use,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._note, self._clock = read, note, clock
        self._tokens: Mapping[str, Live] = {}
        self._dropped: set[str] = set()
        self._read_at = self._failed_at = -math.inf
        self._noted: dict[int, float] = {}
        self._looking = threading.Lock()

    def begin(self) -> None:
        """Read the table for the first requests, within LOOK_SECONDS, and close this thread's
        connection again. For web processes, after the fork: while the database is away, tokens are
        good that were read before it. Never raises: what fails here, the first request tries
        again."""
        try:
            self._look(self._clock(), waits=True)
        except Exception:  # a process must begin all the same
            logger.exception("service tokens were not read as this process began")
        finally:
            let_go()

    def keep(self, went_well: bool, changed: list[str]) -> None:
        """After each load of the flags, in the refresher's thread: a process that nobody asks knows
        the tokens of now, too, when the database goes away. Never raises."""
        if went_well and self._clock() - self._read_at > KEPT_SECONDS:
            self.begin()

    def drop(self, secret_hash: str) -> None:
        """Know that token no more: it was just revoked, here. A look may be under way that found
        it live: so until one does not find it."""
        self._dropped.add(secret_hash)

    def find(self, secret_hash: str) -> Live | None:
        """The live token of that hash; None: there is none. Raises TokensUnknown."""
        now = self._clock()
        age = now - self._read_at
        if age > FRESH_SECONDS:
            self._look(now, waits=age > WAITED_FOR_SECONDS)
        found = self._known(secret_hash)
        if found is None:
            now = self._clock()
            if now - self._read_at > UNKNOWN_SECONDS:
                self._look(now, waits=True)
                found = self._known(secret_hash)
        if self._read_at == -math.inf:
            raise TokensUnknown(_NEVER_READ)
        if now - self._read_at > GOOD_SECONDS:
            raise TokensUnknown(_READ_LONG_AGO)
        if found is None and self._failed_at > self._read_at:
            raise TokensUnknown(_NOT_AMONG_THOSE_READ)
        return found

    def note_use(self, token: Live) -> None:
        """Note in the table that the token is in use: once in NOTE_SECONDS, and only while the
        database answers. Never raises because of it."""
        now = self._clock()
        is_due = now - self._noted.get(token.pk, -math.inf) >= NOTE_SECONDS
        if not is_due or now - self._read_at > WAITED_FOR_SECONDS:
            return
        self._noted[token.pk] = now
        try:
            self._note(token.pk)
        except DBError as error:
            let_go()
            logger.info("the use of token %s was not noted: %s", token.name, error)

    def look_again(self) -> None:
        """Have the next request look at the table: it was just changed."""
        self._read_at = min(self._read_at, self._clock() - WAITED_FOR_SECONDS)
        self._failed_at = -math.inf

    def after_fork(self) -> None:
        """In the child: a thread that stayed in the parent may hold the lock."""
        self._looking = threading.Lock()

    def _known(self, secret_hash: str) -> Live | None:
        return None if secret_hash in self._dropped else self._tokens.get(secret_hash)

    def _look(self, since: float, *, waits: bool) -> None:
        """Read the table, unless another thread has since then, or a look failed lately."""
        if since - self._failed_at < RETRY_SECONDS:
            return
        if not self._looking.acquire(timeout=LOOK_SECONDS if waits else 0):
            if waits:
                self._failed("another thread's look at them does not end")
            return
        try:
            if self._read_at >= since or self._failed_at >= since:
                return
            began = self._clock()
            try:
                tokens = self._read()
            except DBError as error:
                let_go()
                self._failed(error)
            else:
                self._tokens, self._read_at = tokens, began
                self._dropped.difference_update(self._dropped - tokens.keys())
        finally:
            self._looking.release()

    def _failed(self, why: object) -> None:
        """Nobody looks again for RETRY_SECONDS. The first failure after a look is told."""
        if self._failed_at < self._read_at or self._failed_at == -math.inf:
            logger.warning("service tokens cannot be looked at: %s", why)
        self._failed_at = self._clock()


@contextmanager
def _impatient(seconds: float) -> Iterator[None]:
    """Have no wait for the database in this block be longer than that, of either kind."""
    with answers_within(seconds):
        if connection.vendor != "sqlite":
            yield
            return
        # A writer elsewhere may hold the file for as long as the connection's own patience.
        with connection.cursor() as cursor:
            [[patience]] = cursor.execute("PRAGMA busy_timeout").fetchall()
            cursor.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
            try:
                yield
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {int(patience)}")
