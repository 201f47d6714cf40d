"""This process's store and declarations, built from Django's settings on the first question."""

import functools
import os
import sys
import threading
from collections.abc import Callable

from flags.values import Values

# Whoever imports `flags` pays for all else when the first question comes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from flags.declarations import Declarations
    from flags.layers import Resolution
    from flags.refresher import RowSource
    from flags.store import Store

_lock = threading.Lock()
_store: "Store | None" = None


def _miss(key: str) -> bool:
    if overridden is not None and (value := overridden(key)) is not None:
        return value
    return store().read(key)


values = Values(_miss)
"""What `flags.is_on()` looks keys up in. This process's store keeps it."""

overridden: Callable[[str], bool | None] | None = None
"""A test's own answer for a key that `values` keeps out; None: it has none. `flags.testing` alone
puts one here."""


explained: Callable[[str], "Resolution | None"] | None = None
"""The same for `flags.explain()`."""


def explain(key: str) -> "Resolution":
    """What `flags.explain()` answers. Raises UndeclaredFlag."""
    if explained is not None and (known := explained(key)) is not None:
        return known
    return store().explain(key)


def declared() -> "Declarations":
    """This deployment's declarations, read once: a process that serves keeps its good ones.

    Raises DeclarationsError while the file is bad.
    """
    return _load(flags_file())


def flags_file() -> "Path":
    """The flags YAML file: FEATURE_FLAGS_FILE; without that setting, which the console always has,
    the one that came with this package."""
    from pathlib import Path

    from django.conf import settings

    from flags.declarations import SHIPPED

    return Path(getattr(settings, "FEATURE_FLAGS_FILE", SHIPPED))


@functools.cache
def _load(path: "Path") -> "Declarations":
    from flags import declarations

    return declarations.load(path)


def store() -> "Store":
    """The store of this process, made on the first call."""
    return _store or _open_store()


def begin(heard: Callable[[bool, list[str]], None] | None = None) -> None:
    """Have this process read its flags from now on, without waiting for them.

    For web processes, after the fork: what they show while the database is away is what they read
    before it. A file that is no good stops nothing here. `heard` is called after each load, as
    `Store.listen` has it.
    """
    import contextlib

    from flags.declarations import DeclarationsError

    with contextlib.suppress(DeclarationsError):
        if heard is not None:
            store().listen(heard)
        store().begin()


def ensure_fresh() -> None:
    """Have a refresher that died or hangs replaced (`flags.ensure_fresh`)."""
    if _store is not None:
        _store.ensure_fresh()


def invalidate(env: str) -> None:
    """Have this process see a change that was just committed in `env`, if it reads that one."""
    if _store is not None and _store.env == env:
        _store.invalidate()


def replace_store(new: "Store | None") -> "Store | None":
    """Put another store in place (None: build one on the next call) and return the old one."""
    global _store
    with _lock:
        old, _store = _store, new
        if old is not None:
            old.fill(None)
        values.clear()
        if new is not None:
            new.fill(values)
    return old


def _after_fork_in_child() -> None:
    # A thread that stayed in the parent may have held it.
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _open_store() -> "Store":
    global _store
    with _lock:
        if _store is None:
            new = _build_store()
            new.fill(values)
            _store = new
        return _store


def _build_store() -> "Store":
    try:
        from django.conf import settings
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "flags.is_on() goes by Django's settings, and there is no Django here: without it, use "
            "flags.client.FlagClient"
        ) from error

    from flags.store import Store

    is_console = hasattr(settings, "CONSOLE_ENVIRONMENTS")
    if getattr(settings, "FLAGS_URL", "") or not is_console:
        # A project that is not the console, or one that was told nothing.
        from flags.reader.source import store_of

        return store_of(declared())
    return Store(
        settings.CONSOLE_ENV,
        declared(),
        _row_source(settings.CONSOLE_ENV) if settings.FLAG_CONSOLE_FEATURE_FLAGS_DB else None,
        ttl=settings.FLAGS_TTL_SECONDS,
        strict=is_strict(),
    )


def is_strict() -> bool:
    """Whether an undeclared key raises: under DEBUG, and in tests, by whatever runner (Django's own
    turns DEBUG off, and so does pytest-django's)."""
    from django.conf import settings

    runner = sys.modules.get("django.test.utils")
    return settings.DEBUG or hasattr(getattr(runner, "_TestState", None), "saved_data")


def _row_source(env: str) -> "RowSource":
    from django.conf import settings
    from django.db import connections

    database, push = connections["default"], settings.FLAGS_PUSH
    if database.vendor == "sqlite":
        from flags.sources.sqlite import SQLiteSource

        return SQLiteSource(str(database.settings_dict["NAME"]), env, push=push)
    from flags.sources.postgres import PostgresSource

    params = database.get_connection_params()
    # Django's cursor class belongs to a connection that Django set up.
    params.pop("cursor_factory", None)
    return PostgresSource(params, env, push=push)
