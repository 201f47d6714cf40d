"""The fixture `override_flag`: `pytest_plugins = ["flags.pytest_plugin"]` in a conftest, or
`-p flags.pytest_plugin`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest


@pytest.fixture
def override_flag() -> Iterator[Callable[[str, bool], AbstractContextManager[None]]]:
    """`override_flag("key", True)` holds until the test ends; as `with override_flag(…):` until
    the block does. As `flags.testing.override_flag`, with the same errors."""
    # Django's settings need not be there when pytest loads this.
    from flags import testing

    with ExitStack() as until_the_end:

        def begin(key: str, value: bool) -> AbstractContextManager[None]:
            begun = ExitStack()
            begun.enter_context(testing.override_flag(key, value))
            until_the_end.callback(begun.close)
            return _Until(begun)

        yield begin


class _Until:
    """It began when it was made: `with` only ends it."""

    def __init__(self, begun: ExitStack) -> None:
        self._begun = begun

    def __enter__(self) -> None:
        """Nothing more to begin."""

    def __exit__(self, *raised: object) -> None:
        self._begun.close()
