"""Which flags tests have overridden, and for whom. Plain Python; `flags.testing` is the way in.

An override belongs to the context that it began in (a task, a thread) and to what is started from
there; contexts without one of their own, such as the threads of a live server, see the latest of
the process that is still in force. One ends by itself, not in the order of their beginnings: two
that overlap may end in any order.
"""

import os
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from typing import cast

from flags import runtime
from flags.errors import UndeclaredFlag
from flags.layers import NoLayer, Resolution, Source


class Override:
    """One value of one flag, from `begin()` to `end()`."""

    __slots__ = ("in_force", "key", "value")

    def __init__(self, key: str, value: bool) -> None:
        self.key, self.value, self.in_force = key, value, False


_own: ContextVar[tuple[Override, ...]] = ContextVar("flags_overridden", default=())
_in_force: tuple[Override, ...] = ()
_lock = threading.Lock()


def begin(values: Mapping[str, bool]) -> list[Override]:
    """Override these flags until `end()`. Raises UndeclaredFlag, and then overrides none."""
    declared = runtime.declared()
    for key in values:
        if key not in declared:
            raise UndeclaredFlag(key)
    begun = [Override(key, value) for key, value in values.items()]
    for each in begun:
        each.in_force = True
    # Other contexts may hold what ended here: it is passed over, and goes with them.
    _own.set((*(each for each in _own.get() if each.in_force), *begun))
    _replace((), begun)
    return begun


def end(begun: list[Override]) -> None:
    """End these overrides. Ending one twice does nothing. Any context may do it."""
    for each in begun:
        each.in_force = False
    _own.set(tuple(each for each in _own.get() if each.in_force))
    _replace(begun, ())


def is_mine(begun: list[Override]) -> bool:
    """Whether these began in this context, or in one that it comes from."""
    return any(each in begun for each in _own.get())


def answer(key: str) -> bool | None:
    """What this context is told of flag `key`, None where nobody overrides it."""
    for mine in (_own.get(), _in_force):
        for each in reversed(mine):
            if each.key == key and each.in_force:
                return each.value
    return None


def explain(key: str) -> Resolution | None:
    """The same as `flags.explain()` gives it: no layer is asked but the declaration."""
    value = answer(key)
    if value is None:
        return None
    default = runtime.declared()[key].default
    source = cast(Source, NoLayer.OVERRIDE)
    return Resolution(value, source, db=None, env=None, yaml=default)


def in_force() -> list[str]:
    """The keys that are overridden for anybody in this process."""
    return sorted({each.key for each in _in_force})


def _replace(ended: list[Override] | tuple[()], begun: list[Override] | tuple[()]) -> None:
    global _in_force
    with _lock:
        # Never taken away again: a reader may be about to call it.
        runtime.overridden, runtime.explained = answer, explain
        _in_force = (*(each for each in _in_force if each not in ended), *begun)
        runtime.values.keep_out({each.key for each in _in_force})


def _after_fork_in_child() -> None:
    # A thread that stayed in the parent may have held it.
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
