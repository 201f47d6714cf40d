"""The picture of the days above the log: what it counts, and what it owns to not knowing."""

from datetime import date

import pytest

from audit import activity
from tests.audit.rows import PAGE, flip, many
from tests.conftest import client_of
from tests.pages import text_of
from tests.raxxconsole.test_csp import Forbidden

LAST = "2026-01-31"


@pytest.fixture
def page(ops):
    client = client_of(ops)
    return lambda query=f"until={LAST}": client.get(f"{PAGE}?{query}")


def bars_of(response) -> dict[date, tuple]:
    bars = response.context_data["cl"].activity.bars
    return {bar.day: (bar.number, bar.kind) for bar in bars}


def test_each_utc_day_is_counted_up_to_the_last_one_of_the_filter(page):
    for at in ("2026-01-01 23:59:59.999999", "2026-01-02", "2026-01-31 23:59:59", "2026-02-01"):
        flip(at=at)
    bars = bars_of(page())
    assert (min(bars), max(bars), len(bars)) == (date(2026, 1, 2), date(2026, 1, 31), 30)
    counted = {day.day: number for day, (number, _) in bars.items() if number}
    assert counted == {2: 1, 31: 1}


def test_the_filter_and_the_search_are_in_force_in_the_picture(page):
    flip("one", by="alice", at="2026-01-10")
    flip("two", by="alice", at="2026-01-11")
    for query in ("flag=two", "q=two", "q=TW", "since=2026-01-11"):
        bars = bars_of(page(f"until={LAST}&{query}"))
        assert {day.day for day, (number, _) in bars.items() if number} == {11}


def test_each_day_that_has_entries_leads_to_that_day_under_the_same_filter(page):
    flip("one", at="2026-01-10")
    html = page(f"until={LAST}&flag=one").text
    link = '<a href="?flag=one&amp;since=2026-01-10&amp;until=2026-01-10" aria-label="10 Jan: 1">'
    assert link in html
    assert html.count("<a href=") >= html.count('class="bar') == 1


def test_the_picture_is_told_in_words_and_has_no_style_of_its_own(page):
    flip(at="2026-01-10")
    flip(at="2026-01-10")
    flip(at="2026-01-11")
    response = page()
    words = "3 entries from 2 Jan 2026 to 31 Jan 2026; most on 10 Jan: 2."
    assert words in text_of(response)
    assert 'aria-labelledby="activity-title" aria-describedby="activity-words"' in response.text
    assert Forbidden(response.text).found == []


def test_no_entries_make_no_picture(page):
    assert "No entries from 2 Jan 2026 to 31 Jan 2026." in text_of(page())
    assert "<svg viewBox" not in page().text


def test_a_day_cut_short_and_the_days_before_it_do_not_look_quiet(page, monkeypatch):
    monkeypatch.setattr(activity, "COUNTED", 5)
    monkeypatch.setattr("audit.templatetags.audit_log.COUNTED", 5)
    for at, number in (("2026-01-10", 3), ("2026-01-20", 4), ("2026-01-30", 3)):
        many(number, at=at)
    response = page()
    bars = bars_of(response)
    assert bars[date(2026, 1, 30)] == (3, "whole")
    assert bars[date(2026, 1, 25)] == (0, "whole")
    assert bars[date(2026, 1, 20)] == (3, "cut")
    assert bars[date(2026, 1, 10)] == bars[date(2026, 1, 2)] == (None, "uncounted")
    assert "only the newest 5 are counted, 20 Jan in part, and no day before it" in text_of(
        response
    )
    assert "20 Jan: at least 3" in response.text
    assert "10 Jan: not counted" in response.text


def test_as_many_as_are_counted_are_no_cut(page, monkeypatch):
    monkeypatch.setattr(activity, "COUNTED", 5)
    many(5, at="2026-01-20")
    assert bars_of(page())[date(2026, 1, 20)] == (5, "whole")


@pytest.mark.parametrize("until", ["0001-01-01", "0001-01-15", "9999-12-31"])
def test_the_ends_of_the_calendar_have_a_picture(page, until):
    assert page(f"until={until}").status_code == 200


def test_older_pages_keep_the_picture_of_the_filter(page):
    many(1_100, at="2026-01-20")
    cl = page(f"until={LAST}&p=20").context_data["cl"]
    bars = bars_of(page(f"{cl.older_query[1:]}"))
    assert bars[date(2026, 1, 20)] == (1_100, "whole")
