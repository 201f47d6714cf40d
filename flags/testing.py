"""For tests of code that asks `flags.is_on()`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flags import runtime
from flags.layers import Resolution
from flags.refresher import RowSource
from flags.store import Snapshot, Store
from flags.values import Values


class _DjangoConnectionSource(RowSource):
    """Rows through Django's own connection, so that a test's transaction is seen. Nothing is to be
    closed: the connection is Django's."""

    def __init__(self, env: str) -> None:
        self._env = env

    def load(self) -> Mapping[str, bool]:
        from flags.models import FeatureFlag

        rows = FeatureFlag.objects.filter(env=self._env).values_list("flag_key", "value")
        return {key: bool(value) for key, value in rows}


class InlineStore(Store):
    """A store without its thread: every read loads, on the caller's connection. Strict."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._values.keep_out(self._declarations)

    def fill(self, values: Values | None) -> None:
        """It fills no table: every read of one is a miss, and comes here."""

    def explain(self, key: str) -> Resolution:
        self._load()
        return super().explain(key)

    def snapshot(self) -> Snapshot:
        self._load()
        return super().snapshot()

    def begin(self) -> None:
        """There is no thread to start."""

    def _load(self) -> None:
        rows = self._source.load() if self._source else {}
        self._publish(rows, by=None, answered=0 if self._source else None)


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
