"""Bounds of time, on a machine that other tests share: what else ran may have taken the time.

So one that was missed is measured again, twice at most (`--only-rerun` in pyproject.toml), and the
summary says so. Nothing else is: no wrong value, no lost row, no race.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class TooLate(AssertionError):
    """A clock says so; all else is as it should be."""


@contextmanager
def in_time() -> Iterator[None]:
    """Around what is asserted of a clock, and that alone. Raises TooLate for AssertionError."""
    try:
        yield
    except AssertionError as error:
        raise TooLate(str(error)) from error
