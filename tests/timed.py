"""Bounds of time, on a machine that other tests share: what else ran may have taken the time.

So one that was missed is measured again, twice at most (`--only-rerun` in pyproject.toml), and the
summary says so. Nothing else is: no wrong value, no lost row, no race, and nothing that never came.
What a test has seen already it therefore asserts before it looks at the clock. The long forms run
one at a time: they are measured once.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.sizes import LONG


class TooLate(AssertionError):
    """A clock says so; all else is as it should be."""


@contextmanager
def in_time() -> Iterator[None]:
    """Around an upper bound of time, and that alone. Raises TooLate for AssertionError, with what
    that said."""
    try:
        yield
    except AssertionError as error:
        if LONG:
            raise
        # By itself: of a failure that follows another, pytest-rerunfailures looks at both.
        raise TooLate(str(error)) from None
