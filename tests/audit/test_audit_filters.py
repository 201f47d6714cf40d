"""The audit page's filters: what each leaves, how they go together, what nonsense does."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.actor import Channel
from audit.listing import REACH
from audit.models import AuditEntry
from tests.audit.rows import PAGE, flags_on, flip, links_of, many
from tests.conftest import client_of
from tests.pages import text_of


@pytest.fixture
def page(ops):
    client = client_of(ops)
    return lambda query="": client.get(f"{PAGE}?{query}")


@pytest.fixture
def log(db):
    flip("one", "prod", by="alice", at="2026-01-30 23:59:59.999999")
    flip("two", "staging", by="alice", channel=Channel.CLI, at="2026-01-31")
    flip("three", "prod", by="bob", at="2026-01-31 23:59:59.999999")
    flip("four", "staging", by="postgres", channel=Channel.SQL, at="2026-02-01")


# What each query leaves of the log.
SHOWN = {
    "flag=two": ["two"],
    "flag=%20two%20": ["two"],
    "flag=tw": [],
    "flag=TWO": [],
    "actor=alice": ["two", "one"],
    "actor=ali": [],
    "env=prod": ["three", "one"],
    "env=staging": ["four", "two"],
    "channel=sql": ["four"],
    "channel=system": [],
    "since=2026-01-31": ["four", "three", "two"],
    "until=2026-01-31": ["three", "two", "one"],
    "since=2026-01-31&until=2026-01-31": ["three", "two"],
    "since=2026-02-01&until=2026-01-30": [],
    "until=9999-12-31": ["four", "three", "two", "one"],
    "since=0001-01-01": ["four", "three", "two", "one"],
    "until=0001-01-01": [],
    "actor=alice&env=prod": ["one"],
    "action=console.flag.flip&channel=console&until=2026-01-31&q=bob": ["three"],
    "flag=&actor=&since=&until=": ["four", "three", "two", "one"],
}
NONSENSE = [
    *("since=yesterday", "until=2026-02-30", "since=20260131", "until=2026-1-1"),
    *("since=2026-01-31T00:00", f"until={'9' * 5000}", "since=%F0%9F%98%80", "since=٢٠٢٦-٠١-٠١"),
    *("env=moon", "env=%22%27", "channel=carrier-pigeon", "before=x", "before=-1"),
    *("before=999999", f"before={'9' * 40}", "p=99999"),
]


def test_a_filter_leaves_what_it_says(log, page):
    found = {query: page(query) for query in SHOWN}
    assert {response.status_code for response in found.values()} == {200}
    assert {query: flags_on(response) for query, response in found.items()} == SHOWN


def test_nonsense_starts_the_list_anew(log, page):
    many(60)
    for query in NONSENSE:
        response = page(query)
        led = (response.status_code, response.get("Location"))
        assert led == (302, f"{PAGE}?e=1"), query
    assert page("e=1").status_code == 200


@pytest.mark.parametrize(
    "name", ["flag", "actor", "action", "since", "until", "env", "channel", "q"]
)
def test_no_value_is_a_server_error(log, page, name):
    for value in ("%00", "%ED%A0%80", "x" * 5000, "%F0%9F%98%80", "%25_%5C", "'--"):
        assert page(f"{name}={value}").status_code in (200, 302), value


def test_other_lookups_are_refused(log, page):
    for query in ("payload__env=prod", "action__regex=.*", "admin__password=x"):
        assert page(query).status_code == 400, query


def test_there_is_one_order_and_no_way_to_count_or_to_show_all(log, page):
    many(60, at="2025-01-01")
    for query in ("o=1", "o=-2.3", "all=", "_facets=True"):
        shown = flags_on(page(query))
        assert shown == ["four", "three", "two", "one"] + ["many"] * 46, query


def test_every_filter_in_force_can_be_dropped_alone(log, page):
    response = page("actor=alice&env=prod&since=2026-01-01&q=one")
    drops = dict.fromkeys(("actor", "env", "since", "search"))
    for chip in response.text.split('<ul id="in-force"')[1].split("</ul>")[0].split("<li>")[1:]:
        name, drop = chip.split('"name">')[1].split("<")[0], chip.split('href="')[1].split('"')[0]
        drops[name] = drop.replace("&amp;", "&")
    assert drops == {
        "actor": "?env=prod&q=one&since=2026-01-01",
        "env": "?actor=alice&q=one&since=2026-01-01",
        "since": "?actor=alice&env=prod&q=one",
        "search": "?actor=alice&env=prod&since=2026-01-01",
    }
    assert "in-force" not in page().text


def test_the_form_keeps_the_other_filters_and_has_labels(log, page):
    form = (
        page("env=prod&q=bob&flag=three")
        .text.split('<form id="audit-filter"')[1]
        .split("</form>")[0]
    )
    assert '<input type="hidden" name="env" value="prod">' in form
    assert '<input type="hidden" name="q" value="bob">' in form
    assert 'type="hidden" name="flag"' not in form
    for name in ("flag", "actor", "since", "until"):
        assert f'<label for="filter-{name}">' in form
    assert 'name="flag" type="text" value="three"' in form


def test_links_to_the_last_days_keep_the_other_filters(log, page):
    response, today = page("env=prod&until=2026-01-31"), timezone.now().date()
    for words, days in (("Today", 1), ("7 days", 7), ("30 days", 30)):
        since = today - timedelta(days=days - 1)
        assert links_of(response, words) == [f"?env=prod&since={since}"]
    assert links_of(response, "Any date") == ["?env=prod"]


def test_the_choices_of_a_filter_are_not_read_off_the_log(log, page, django_assert_num_queries):
    with django_assert_num_queries(9):
        response = page("env=prod")
    assert links_of(response, "flag.promoted") == ["?action=console.flag.promoted&env=prod"]
    assert links_of(response, "command line") == ["?channel=cli&env=prod"]


def test_all_entries_are_reached_even_where_many_have_one_moment(log, page):
    """Page by page, and beyond the last one that is counted, none twice and none missed."""
    many(REACH + 120, at="2026-03-01")
    seen, query = [], "?flag=many"
    while query:
        response = page(query[1:])
        assert "more than 1,000 entries" in text_of(response) or seen
        cl = response.context_data["cl"]
        for number in cl.paginator.page_range:
            shown = page(f"{query[1:]}&p={number}").context_data["cl"]
            seen += [entry.pk for entry in shown.result_list]
        query = shown.older_query
    wanted = AuditEntry.objects.filter(target_id="many").order_by("-created_at", "-id")
    assert seen == list(wanted.values_list("pk", flat=True))


def test_older_entries_say_where_they_start_and_lead_back(log, page):
    many(REACH + 10, at="2026-03-01")
    last = page("flag=many&p=20")
    [older] = links_of(last, "Older entries")
    response = page(older[1:])
    assert len(flags_on(response)) == 10
    assert "10 entries older than #" in text_of(response)
    assert links_of(response, "Back to the newest") == ["?flag=many"]
    assert links_of(page("flag=many&p=19"), "Older entries") == []


def test_a_long_log_is_told_about_and_a_short_one_counted(log, page):
    assert "4 entries" in text_of(page())
    many(REACH + 500)
    said = text_of(page())
    assert "about 1,500 entries" in said or "about 1,000 entries" in said
    assert "more than 1,000 entries" in text_of(page("flag=many"))
