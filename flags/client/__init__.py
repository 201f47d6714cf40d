"""Feature flags for services that are not the console: the same store, fed over HTTP.

    from flags.client import FlagClient

    flags = FlagClient(
        url="https://console.example.com", token=TOKEN, declarations="feature_flags.yaml"
    )
    if flags.is_on("my_new_feature"):
        ...

Imports no Django and needs no database: PyYAML is all (docs/flags-elsewhere.md).
"""

import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType

from flags import declarations as files
from flags.client import address
from flags.client.source import ConsoleSource
from flags.declarations import Declarations
from flags.errors import UndeclaredFlag
from flags.layers import Source
from flags.store import Store

__all__ = ["Explanation", "FlagClient", "Layer", "UndeclaredFlag"]

logger = logging.getLogger(__name__)

TYPE_CHECKING = False


class Layer(StrEnum):
    """Who decided a flag's value: the console, a `FLAG_*` variable here, or the YAML here."""

    CONSOLE = "console"
    ENV = "env"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A flag's value and which layer it came from; what each layer said (None: no answer); and,
    where the console answered, which of its own layers it had the value from (`db`, `env`, `yaml`),
    the flag's risk there, and how many seconds ago it read its rows."""

    key: str
    value: bool
    source: Layer
    console: bool | None
    env: bool | None
    yaml: bool
    console_source: str | None
    risk: str
    age: float | None

    @property
    def layers(self) -> dict[str, bool | None]:
        """What each layer said, in the order in which they are asked."""
        return {"console": self.console, "env": self.env, "yaml": self.yaml}


class FlagClient:
    """The flags of the environment that `token` is for, at most 30 seconds old while the console
    answers.

    `is_on(key)`: whether flag `key` is on. A look-up in a dictionary: no clock, no lock, no I/O.
    The first call of a process waits for the console, at most 2 seconds; no later call waits.
    Never raises because of the console: while it is away, its last answer stays; where there was
    none, this process's `FLAG_*` variables answer, then the YAML. An undeclared key is False, with
    one log line per key; with `strict` it raises UndeclaredFlag.

    `declarations` is the path of the service's flags YAML file, or what `flags.declarations.load`
    made of one; left out, the file that was installed with this package. `plain_http` allows http
    to other machines than this one. `tls` is for a console whose certificate is of a private CA.

    Raises ValueError for a url or a token that cannot be used (never with the token in its text),
    and DeclarationsError for a flags file that is not good. A thread starts with the first
    question, so that a client may be made before a fork; in the child another one starts. Any
    number of threads may share a client, and a process may have several.
    """

    def __init__(
        self,
        url: str,
        token: str,
        declarations: Declarations | Path | str | None = None,
        *,
        strict: bool = False,
        plain_http: bool = False,
        tls: ssl.SSLContext | None = None,
        max_age: float = 30.0,
    ) -> None:
        if not 0 < max_age <= 30:
            raise ValueError("max_age must be more than 0 and at most 30 seconds")
        self._address = address.parse(url, token, plain_http=plain_http)
        self.declarations = _declared(declarations)
        """The flags that this service knows, by key; read-only."""
        source = ConsoleSource(self._address, self.declarations, tls=tls)
        self._listeners: list[Callable[[bool, list[str]], None]] = []
        self._store = Store(
            self._address.origin, self.declarations, source, ttl=max_age, strict=strict
        )
        self._store.listen(self._tell)
        # The dictionary's own method: no code of ours runs for a key that it holds.
        self.is_on = self._store.is_on  # type: ignore[method-assign]

    if TYPE_CHECKING:

        def is_on(self, key: str, /) -> bool:
            """Whether flag `key` is on. At most 30 seconds old while the console answers, its last
            answer while it does not, then `FLAG_*`, then the YAML. The first call of a process
            waits, at most 2 seconds. An undeclared key is False, or raises UndeclaredFlag if the
            client is strict."""

    def explain(self, key: str) -> Explanation:
        """The value of flag `key`, the layer it came from, and what every layer said.

        Raises UndeclaredFlag for a key that `declarations` has not, whether strict or not.
        """
        if key not in self.declarations:
            raise UndeclaredFlag(key)
        known = self._store.explain(key)
        source = self._store.source
        told = source.told.get(key) if isinstance(source, ConsoleSource) else None
        if known.db is None:
            told = None
        return Explanation(
            key=key,
            value=known.value,
            source=Layer.CONSOLE if known.source is Source.DB else Layer(known.source.value),
            console=known.db,
            env=known.env,
            yaml=known.yaml,
            console_source=told.source if told else None,
            risk=(told.risk if told else None) or self.declarations[key].risk.value,
            age=self.age,
        )

    @property
    def age(self) -> float | None:
        """How many seconds ago the console read the rows behind the last answer that came; None:
        none came yet, so `FLAG_*` and YAML answer alone."""
        return self._store.snapshot().age

    @property
    def is_failing(self) -> bool:
        """Whether the last question to the console failed."""
        return self._store.is_failing

    def begin(self) -> None:
        """Have the client ask the console from now on, and wait for nothing.

        For event loops: costs a look at the clock once it runs, so it may be called with each
        request, and then does what `ensure_fresh()` does for threads. Never before a fork.
        """
        self._store.begin()

    def ensure_fresh(self) -> None:
        """Call this at the beginning of each request and task: replaces a thread that died or
        hangs, and waits at most 2 seconds for the first word of the new one. Costs a look at the
        clock otherwise. It may block: in an event loop call `begin()`."""
        self._store.ensure_fresh()

    async def ready(self) -> bool:
        """Begin, and wait for the console's first answer without holding up the event loop, at most
        2 seconds. Whether there is an answer: if not, `FLAG_*` and YAML answer until one comes.

        Once it returned, `is_on()` waits for nothing.
        """
        # Whoever awaits this has it imported already; others do not pay for it.
        import asyncio

        self.begin()
        await asyncio.to_thread(self.ensure_fresh)
        return self.age is not None

    def listen(self, listener: Callable[[bool, list[str]], None]) -> None:
        """Have `listener` called after each question to the console, in the client's own thread,
        with whether it went well and the keys whose value is another one than before. It must not
        block: nothing is asked meanwhile."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Ask the console no more, once a question under way is answered or given up (5 seconds).
        Waits for nothing. What is known stays the answer; `begin()` and `ready()` begin anew."""
        self._store.retire()

    def __enter__(self) -> "FlagClient":
        self.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> "FlagClient":
        await self.ready()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<FlagClient of {self._address.origin}>"

    def _tell(self, went_well: bool, changed: list[str]) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(went_well, changed)
            except Exception:  # whoever listens must not end the refresher
                logger.exception("a listener of the flags failed")


def _declared(given: Declarations | Path | str | None) -> Declarations:
    if isinstance(given, Mapping):
        return given
    return files.load(files.SHIPPED if given is None else Path(given))
