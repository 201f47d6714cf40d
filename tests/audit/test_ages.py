"""How long ago something was, in words short enough for a table."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from audit.ages import age

NOW = datetime(2026, 5, 4, 3, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s ago"),
        (0.9, "0 s ago"),
        (2, "2 s ago"),
        (MINUTE - 1, "59 s ago"),
        (MINUTE, "1 min ago"),
        (3 * MINUTE + 59, "3 min ago"),
        (2 * HOUR - 1, "119 min ago"),
        (2 * HOUR, "2 h ago"),
        (2 * DAY - 1, "47 h ago"),
        (2 * DAY, "2 d ago"),
        (800 * DAY, "800 d ago"),
    ],
)
def test_an_age_is_told_in_its_largest_fitting_unit(monkeypatch, seconds, words):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    assert age(NOW - timedelta(seconds=seconds)) == words


def test_a_moment_ahead_of_this_clock_is_now(monkeypatch):
    """Two dynos' clocks differ, and so do a database's and a dyno's."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    assert age(NOW + timedelta(seconds=90)) == "0 s ago"
