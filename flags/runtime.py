"""This process's store and declarations, built from Django's settings on the first question."""

import contextlib
import functools
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from flags import declarations

if TYPE_CHECKING:
    from flags.store import RowSource, Store

_lock = threading.Lock()
_store: "Store | None" = None


def declared() -> declarations.Declarations:
    """This deployment's declarations, read once: a process that serves keeps its good ones.

    Raises DeclarationsError while the file is bad.
    """
    from django.conf import settings

    return _load(settings.FEATURE_FLAGS_FILE)


@functools.cache
def _load(path: Path) -> declarations.Declarations:
    return declarations.load(path)


def store() -> "Store":
    """The store of this process, made on the first call."""
    return _store or _open_store()


def begin() -> None:
    """Have this process read its flags from now on, without waiting for them.

    For web processes, after the fork: what they show while the database is away is what they read
    before it. A file that is no good stops nothing here.
    """
    with contextlib.suppress(declarations.DeclarationsError):
        store().begin()


def invalidate(env: str) -> None:
    """Have this process see a change that was just committed in `env`, if it reads that one."""
    if _store is not None and _store.env == env:
        _store.invalidate()


def replace_store(new: "Store | None") -> "Store | None":
    """Put another store in place (None: build one on the next call) and return the old one."""
    global _store
    with _lock:
        old, _store = _store, new
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
            _store = _build_store()
        return _store


def _build_store() -> "Store":
    from django.conf import settings

    from flags.store import Store

    return Store(
        settings.CONSOLE_ENV,
        declared(),
        _row_source(settings.CONSOLE_ENV) if settings.FLAG_CONSOLE_FEATURE_FLAGS_DB else None,
        ttl=settings.FLAGS_TTL_SECONDS,
        strict=settings.DEBUG,
    )


def _row_source(env: str) -> "RowSource":
    from django.db import connections

    from flags.sources import PostgresSource, SQLiteSource

    database = connections["default"]
    if database.vendor == "sqlite":
        return SQLiteSource(str(database.settings_dict["NAME"]), env)
    params = database.get_connection_params()
    # Django's cursor class belongs to a connection that Django set up.
    params.pop("cursor_factory", None)
    return PostgresSource(params, env)
