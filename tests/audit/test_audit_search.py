"""Search in the log: exact first, a part of a word in the newest entries else."""

import pytest

from audit import search
from tests.audit.rows import PAGE, flags_on, flip, many
from tests.conftest import client_of
from tests.pages import text_of

EXACTLY = "Nothing in the log is exactly"


@pytest.fixture
def find(ops):
    client = client_of(ops)
    return lambda words, **more: client.get(PAGE, {"q": words, **more})


@pytest.fixture
def log(db):
    flip("one", by="alice", incident="INC-1", request_id="0a-1", at="2026-01-01")
    flip("two", by="bob", incident="INC-12", request_id="0a-2", at="2026-01-02")
    flip("alice", by="bob", incident="100%_a\\b", at="2026-01-03")
    flip("four", by="carol", at="2026-01-04")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("one", ["one"]),
        ("INC-1", ["one"]),
        ("0a-2", ["two"]),
        ("bob", ["alice", "two"]),
        ("alice", ["alice", "one"]),
        (" INC-1 ", ["one"]),
        ("100%_a\\b", ["alice"]),
    ],
)
def test_an_exact_word_is_found_in_every_place(log, find, words, shown):
    response = find(words)
    assert flags_on(response) == shown
    assert EXACTLY not in text_of(response)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("inc-1", ["two", "one"]),
        ("INC-", ["two", "one"]),
        ("ALIC", ["alice", "one"]),
        ("0A-", ["two", "one"]),
        ("wo", ["two"]),
        ("%", ["alice"]),
        ("0%_", ["alice"]),
        ("_", ["alice"]),
        ("a\\", ["alice"]),
        ("o%e", []),
        ("o_e", []),
    ],
)
def test_a_part_is_looked_for_where_nothing_is_exact_and_the_page_says_so(log, find, words, shown):
    response = find(words)
    assert flags_on(response) == shown
    assert f"{EXACTLY} {words} ." in text_of(response)
    assert "older ones were not looked through" in text_of(response)


def test_a_part_is_looked_for_in_the_newest_entries_only(log, find, monkeypatch):
    monkeypatch.setattr(search, "RECENT", 3)
    assert flags_on(find("wo")) == ["two"]
    assert flags_on(find("on")) == []
    assert flags_on(find("one")) == ["one"]


def test_the_newest_entries_are_those_of_the_filter_in_force(log, find, monkeypatch):
    monkeypatch.setattr(search, "RECENT", 1)
    assert flags_on(find("on", actor="alice")) == ["one"]


def test_search_and_filter_go_together(log, find):
    assert flags_on(find("bob", since="2026-01-03")) == ["alice"]
    assert flags_on(find("INC-1", env="prod")) == []


def test_blanks_are_no_search(log, find):
    response = find("   ")
    assert len(flags_on(response)) == 4
    assert EXACTLY not in text_of(response)
    assert "in-force" not in response.text


def test_a_word_in_two_places_is_paged_through_without_a_gap(log, find, monkeypatch):
    """bob acts, and is a flag; what is asked of the database ends where a page could."""
    many(1_100, flag="bob", by="carol", at="2026-02-01")
    many(1_100, flag="other", by="bob", at="2026-02-02")
    seen, query = [], {}
    while query is not None:
        number = 1
        while number:
            cl = find("bob", p=number, **query).context_data["cl"]
            seen += [entry.pk for entry in cl.result_list]
            number = number + 1 if number < cl.paginator.num_pages else 0
        query = {"before": cl.result_list[-1].pk} if cl.older_query else None
    assert len(seen) == len(set(seen)) == 2_202
    assert seen == sorted(seen, reverse=True)


def test_an_incident_in_a_row_leads_to_all_that_was_done_for_it(log, find):
    flip("five", incident="A&B <1>")
    response = find("five")
    assert 'href="?q=A%26B%20%3C1%3E"><bdi>A&amp;B &lt;1&gt;</bdi></a>' in response.text
    assert flags_on(find("A&B <1>")) == ["five"]
