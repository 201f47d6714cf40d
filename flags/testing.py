"""For tests of code that asks `flags.is_on()`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from flags import runtime
from flags.layers import Resolution
from flags.store import Store


class _DjangoConnectionSource:
    """Rows through Django's own connection, so that a test's transaction is seen."""

    def __init__(self, env: str) -> None:
        self._env = env

    def load(self) -> Mapping[str, bool]:
        from flags.models import FeatureFlag

        rows = FeatureFlag.objects.filter(env=self._env).values_list("flag_key", "value")
        return {key: bool(value) for key, value in rows}

    def close(self) -> None:
        """The connection is Django's."""

    def abandon(self) -> None:
        """The connection is Django's."""


class InlineStore(Store):
    """A store without its thread: every read loads, on the caller's connection. Strict."""

    def is_on(self, key: str) -> bool:
        self._load()
        return super().is_on(key)

    def explain(self, key: str) -> Resolution:
        self._load()
        return super().explain(key)

    def begin(self) -> None:
        """There is no thread to start."""

    def _load(self) -> None:
        self._publish(self._source.load() if self._source else {})


@contextmanager
def inline_store() -> Iterator[InlineStore]:
    """Have `flags.is_on()` read through the test's own connection and transaction.

    A refresher thread with a connection of its own would not see what the test has not committed,
    and would outlive it.
    """
    from django.conf import settings

    env = settings.CONSOLE_ENV
    source = _DjangoConnectionSource(env) if settings.FLAG_CONSOLE_FEATURE_FLAGS_DB else None
    store = InlineStore(env, runtime.declared(), source, strict=True)
    before = runtime.replace_store(store)
    try:
        yield store
    finally:
        runtime.replace_store(before)
