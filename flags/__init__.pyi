"""The types of `flags`: `is_on` is not a Python function, so its signature stands here."""

from flags.errors import UndeclaredFlag as UndeclaredFlag
from flags.layers import Resolution as Resolution

__all__ = ["Resolution", "UndeclaredFlag", "ensure_fresh", "explain", "is_on"]

def is_on(key: str, /) -> bool:
    """Whether flag `key` is on in this deployment's environment (runbook sections 1 and 7).

    At most 30 seconds old while the database answers, the last known value while it does not.
    The first call of a process waits for the first load, at most 2 seconds; no later call waits.
    Never raises because of the database, and never touches the caller's connection or transaction.

    An undeclared key raises UndeclaredFlag under DEBUG and in tests; in production it is False,
    with one log line per key.
    """

def explain(key: str) -> Resolution:
    """The value of flag `key`, the layer it came from, and what every layer said.

    Raises UndeclaredFlag for an undeclared key, in production too.
    """

def ensure_fresh() -> None:
    """Call this at the beginning of each task that is no request. Replaces a refresher that died or
    hangs, and waits at most 2 seconds for the first word of the new one."""
