"""Which of these tests are about one database alone, and the network that those break."""

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.processes.faults import Faults

# A network between us and the database: SQLite has none.
_OF_POSTGRES = ["test_outages.py", "test_lost_commits.py"]
collect_ignore = [] if connection.vendor == "postgresql" else _OF_POSTGRES


@pytest.fixture
def network() -> Iterator[Faults]:
    faults = Faults()
    yield faults
    faults.stop()
