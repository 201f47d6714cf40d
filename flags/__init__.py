"""Feature flags, for application code.

    import flags

    if flags.is_on("my_new_feature"):
        ...

`flags.is_on(key)`: whether flag `key` is on in this deployment's environment (runbook sections 1
and 7). At most 30 seconds old while the database answers, the last known value while it does not.
The first call of a process waits for the first load, at most 2 seconds; no later call waits. Never
raises because of the database, and never touches the caller's connection or transaction. An
undeclared key raises `UndeclaredFlag` under DEBUG and in tests; in production it is False, with one
log line per key.

Importing this package needs no configured Django; the first question does. Types, and the text of
each function: `__init__.pyi`.
"""

from flags import runtime
from flags.errors import UndeclaredFlag

# At once: a module that has a `__getattr__` for what comes later has its names looked up the slow
# way by the interpreter, and `flags.is_on` is one of them.
from flags.layers import Resolution

__all__ = ["Resolution", "UndeclaredFlag", "ensure_fresh", "explain", "is_on"]

# Not a Python function: a look-up in a dictionary that the process's refresher keeps.
is_on = runtime.values.__getitem__


def explain(key: str) -> Resolution:
    """The value of flag `key`, the layer it came from, and what every layer said.

    Raises UndeclaredFlag for an undeclared key, in production too.
    """
    return runtime.explain(key)


def ensure_fresh() -> None:
    """Call this at the beginning of each task that is no request: of a job of a worker, of a round
    of a loop that does not end.

    `is_on()` looks at no clock, so it cannot know that the thread behind it hangs. This does: it
    replaces such a thread, and waits at most 2 seconds for the first word of the new one. Django's
    requests call it by themselves. It costs a look at the clock.
    """
    runtime.ensure_fresh()
