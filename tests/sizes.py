"""Short or long: `make test` runs each test's short form, `make soak` (SOAK=1) the long one."""

import os
from typing import TypeVar

LONG = os.environ.get("SOAK") == "1"
_T = TypeVar("_T")


def size(short: _T, long: _T) -> _T:
    """How much of something a test does: kills, changes, crashes."""
    return long if LONG else short
