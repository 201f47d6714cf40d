"""Feature flags, for application code.

    import flags

    if flags.is_on("my_new_feature"):
        ...

Importing this package needs no configured Django; the first question does.
"""

from flags import runtime
from flags.errors import UndeclaredFlag
from flags.layers import Resolution

__all__ = ["Resolution", "UndeclaredFlag", "explain", "is_on"]


def is_on(key: str) -> bool:
    """Whether flag `key` is on in this deployment's environment (runbook sections 1 and 7).

    At most 30 seconds old while the database answers, the last known value while it does not.
    The first call of a process waits for the first load, at most 2 seconds; no later call waits.
    Never raises because of the database, and never touches the caller's connection or transaction.

    An undeclared key raises UndeclaredFlag under DEBUG and in tests; in production it is False,
    with one log line per key.
    """
    return runtime.store().is_on(key)


def explain(key: str) -> Resolution:
    """The value of flag `key`, the layer it came from, and what every layer said.

    Raises UndeclaredFlag for an undeclared key, in production too.
    """
    return runtime.store().explain(key)
