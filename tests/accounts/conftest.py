"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime

import pytest
from django.test import Client

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def twin(client):
    """Another tab of the same browser, as it was when the first one sent its request."""
    twin = Client()
    twin.cookies.load(client.cookies.output(header="", sep=";"))
    return twin
