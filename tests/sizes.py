"""Short or long: `make test` runs each test's short form, `make soak` (SOAK=1) the long one."""

import os

LONG = os.environ.get("SOAK") == "1"


def size(short: int, long: int) -> int:
    """How much of something a test does: kills, changes, crashes."""
    return long if LONG else short
