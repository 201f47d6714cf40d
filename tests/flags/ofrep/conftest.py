import pytest

from tests.flags.ofrep.asking import Rows, new_token, reading
from tests.pages import LOW


@pytest.fixture
def rows() -> Rows:
    return Rows({LOW: True})


@pytest.fixture
def console(db, rows):
    """A console of staging that reads `rows`. Yields its store."""
    with reading(rows) as store:
        yield store


@pytest.fixture
def secret(console) -> str:
    """The secret of a token of staging."""
    return new_token()
