"""Rows from the console over HTTP, for the same store that reads SQL elsewhere. Plain Python."""

import logging
import math
import random
import ssl
import time
from collections.abc import Mapping
from email.message import Message

from flags.client.address import Address
from flags.client.answers import Answers, Told, parse
from flags.client.exchange import Answer, post
from flags.client.later import retry_after
from flags.declarations import Declarations
from flags.names import Names
from flags.refresher import LOAD_SECONDS, RETRY_SECONDS, RowSource

logger = logging.getLogger(__name__)

REFUSED_SECONDS = 60.0
"""A token that was refused is shown again after so long: it does not get better by itself."""
AGE = "X-Flags-Age"
"""Header: how many whole seconds ago the console read its own rows."""

# The system's: forked processes share no state of it.
_random = random.SystemRandom()
_MOST_NAMED = 10
_REFUSALS = {
    401: "it is revoked, mistyped or another console's. Make one with create_service_token there, "
    "give it to this service and start the service again",
    403: "it is one of another environment. Give this service the token of the environment that "
    "this console answers for, and start the service again",
}


class ConsoleFailed(Exception):
    """The console gave no values; the text says what it did, in words of our own."""


class ConsoleSource(RowSource):
    """The console's values of the flags in `declared`, by OFREP's bulk endpoint and its ETag.

    Each load is one request over a connection of its own. What it says of a flag that it cannot
    give a value for does not count: the flag keeps the value that the console gave it before. Nor
    does an answer of rows that are known to be older: of the console's processes one may hear of a
    change later than another. Ages are told in whole seconds, so within one a value may go back
    for one question.
    """

    def __init__(
        self,
        address: Address,
        declared: Declarations,
        *,
        tls: ssl.SSLContext | None = None,
        seconds: float = LOAD_SECONDS,
    ) -> None:
        self._address = address
        self._declared = declared
        self._tls = (tls or ssl.create_default_context()) if address.is_tls else None
        self._seconds = seconds
        self._names = Names(address.host, address.port)
        self._etag: str | None = None
        # The rows that are known were read between these moments, on the monotonic clock.
        self._read_after = self._read_before = -math.inf
        self._retry_after = 0.0
        self._is_refused = False
        self._refusal_told: int | None = None
        self._warned: set[str] = set()
        self.told: Mapping[str, Told] = {}
        """What the console said last, by key."""

    def load(self) -> Mapping[str, bool]:
        self._retry_after, self._is_refused = 0.0, False
        began = time.monotonic()
        answer = self._ask()
        if answer.status != 200 and (answer.status != 304 or self._etag is None):
            raise ConsoleFailed(self._failure(answer))
        answers = parse(answer.body, self._declared) if answer.status == 200 else None
        self._refusal_told = None
        if self._is_news(began, _age(answer.headers)) and answers is not None:
            self._take(answers)
            self._etag = _etag(answer.headers)
        self.age = time.monotonic() - self._read_before
        return {key: told.value for key, told in self.told.items()}

    def pause(self, interval: float, failures: int) -> float:
        """Never the full interval, so that the processes of a fleet do not ask all at once; after
        failures twice as long each time, up to the interval; or as long as the console asks for."""
        if not failures:
            return interval * _random.uniform(0.8, 1.0)
        if self._is_refused:
            return REFUSED_SECONDS * _random.uniform(0.8, 1.0)
        backoff = min(RETRY_SECONDS * 2.0 ** min(failures - 1, 10), interval)
        backoff *= _random.uniform(0.5, 1.0)
        return max(backoff, self._retry_after * _random.uniform(1.0, 1.1))

    def fresh(self) -> "ConsoleSource":
        source = ConsoleSource(self._address, self._declared, tls=self._tls, seconds=self._seconds)
        source.told, source._warned = self.told, self._warned
        source._refusal_told = self._refusal_told
        source._read_after, source._read_before = self._read_after, self._read_before
        return source

    def abandon(self) -> None:
        self._names.forget()

    def _ask(self) -> Answer:
        known = {} if self._etag is None else {"If-None-Match": self._etag}
        return post(
            self._names,
            self._address.path,
            {
                "Host": self._address.authority,
                "Authorization": f"Bearer {self._address.token}",
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": "raxx-flags-client",
                **known,
            },
            b'{"context":{}}',
            tls=self._tls,
            server_name=self._address.host,
            seconds=self._seconds,
        )

    def _failure(self, answer: Answer) -> str:
        """What the answer means, without a word of what it says: it may repeat our token."""
        status = answer.status
        if status in _REFUSALS:
            if self._refusal_told != status:
                logger.error("%s refuses this token: %s.", self._address, _REFUSALS[status])
            self._is_refused, self._refusal_told = True, status
            return f"the console refuses the token ({status})"
        if status in (429, 503):
            self._retry_after = retry_after(answer.headers.get("Retry-After"))
        if 300 <= status < 400 and status != 304:
            return f"the console redirects elsewhere ({status}): its url is another one"
        return f"the console answered {status}"

    def _is_news(self, began: float, age: float) -> bool:
        """Whether an answer to a question of that moment, of rows so old, is none of older rows
        than those that are known."""
        read_before = time.monotonic() - age
        if read_before < self._read_after:
            return False
        # The age is told in whole seconds.
        self._read_after = max(self._read_after, began - age - 1.0)
        self._read_before = max(self._read_before, read_before)
        return True

    def _take(self, answers: Answers) -> None:
        kept = {key: self.told[key] for key in answers.unusable if key in self.told}
        for key, what in answers.unusable.items():
            self._warn_once(key, "the console has %s for flag %s", what, key)
        missing = [
            key for key in self._declared if key not in answers.told and key not in answers.unusable
        ]
        if missing:
            named = ", ".join(missing[:_MOST_NAMED])
            more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
            self._warn_once(
                "\n".join(missing),
                "the console does not know %s%s: env and yaml answer for it",
                *(named, more),
            )
        self.told = {**answers.told, **kept}

    def _warn_once(self, about: str, text: str, *arguments: str) -> None:
        if about not in self._warned:
            self._warned.add(about)
            logger.warning(text, *arguments)


def _age(headers: Message) -> float:
    said = headers.get(AGE, "")
    return float(said) if said.isdecimal() and len(said) < 10 else 0.0


def _etag(headers: Message) -> str | None:
    """The answer's ETag, if a request can carry it."""
    etag = headers.get("ETag", "")
    is_plain = 0 < len(etag) <= 256 and all(" " <= char <= "~" for char in etag)
    return etag if is_plain else None
