"""When the console fails in the middle of a flip: always a visible message, never a wrong row."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import (
    expect_row,
    expect_said,
    is_marked,
    mark,
    row,
    switch_to,
    toggle,
)

KEY = "console_billing"
# Lower than the table: what is said at the top of the page is out of sight at its end.
LOW_WINDOW = {"width": 1280, "height": 500}
LAST = "raptor_webhook_retries"
ROUTER_PAGE = "<!DOCTYPE html><html><body><h1>Application error</h1></body></html>"


@pytest.mark.parametrize(("status", "key"), [(500, KEY), (500, LAST), (502, KEY), (503, KEY)])
def test_an_answer_that_is_not_the_consoles_is_told_and_leaves_the_row(visit, key, status):
    """500 comes from a fault of the console, 502 and 503 with a page of the router before it."""
    visit.expects(f"status of {status}")
    visit.tolerates("Response Status Error Code")
    page = visit.signed_in(viewport=LOW_WINDOW)
    page.route(
        "**/flip",
        lambda route: route.fulfill(status=status, content_type="text/html", body=ROUTER_PAGE),
    )
    mark(page)
    before = row(page, key).get_attribute("data-seen")

    toggle(page, key).click()
    expect_said(page.locator("#console-messages"), re.compile(rf"\({status}\).*{key}"))
    expect(row(page, key)).to_have_attribute("data-seen", before)
    expect(page.get_by_text("Application error")).to_have_count(0)
    assert is_marked(page)

    page.unroute("**/flip")
    toggle(page, key).click()
    expect(row(page, key)).to_have_attribute("data-source", "db")
    expect(page.locator("#console-messages")).to_be_empty()


def test_a_strange_page_in_place_of_the_row_is_told_and_leaves_the_row(visit):
    """Such as the sign-in page of a proxy, which comes with 200."""
    page = visit.signed_in()
    page.route("**/flip", lambda route: route.fulfill(content_type="text/html", body=ROUTER_PAGE))
    toggle(page, KEY).click()
    expect_said(page.locator("#console-messages"), re.compile(KEY))
    expect_row(page, KEY, "off", "yaml")


def test_a_server_that_is_gone_is_told_and_leaves_the_row(visit, console):
    visit.expects("net::ERR_")
    visit.tolerates("htmx:")
    with console.served(workers=1) as visit.url:
        page = visit.signed_in(viewport=LOW_WINDOW)
    mark(page)
    toggle(page, LAST).click()
    expect_said(page.locator("#console-messages"), re.compile(f"cannot be reached.*{LAST}"))
    expect_row(page, LAST, "on", "yaml")
    assert is_marked(page)
    assert console.rows() == {}


def test_a_database_that_is_away_is_told_and_leaves_the_row(visit, console):
    visit.expects("status of 503")
    page = visit.signed_in(viewport=LOW_WINDOW)
    # Any OperationalError is an absent database to the console; a missing table is the nearest one.
    console.query("ALTER TABLE django_session RENAME TO away")
    toggle(page, LAST).click()
    expect_said(page.locator("#console-messages"), re.compile("database does not answer"))
    expect(row(page, LAST)).to_have_attribute("data-source", "yaml")
    console.query("ALTER TABLE away RENAME TO django_session")
    assert console.rows() == {}


def test_while_the_database_is_away_last_known_values_are_shown_and_nothing_to_flip_with(
    visit, console
):
    visit.expects("status of 503")
    page = visit.signed_in(viewport={"width": 390, "height": 800})
    flags = page.locator("tr.flag").count()
    console.query("ALTER TABLE django_session RENAME TO away")
    page.reload()
    expect(page.locator("#env-banner")).to_have_attribute("data-env", "staging")
    expect(page.locator(f'tr[data-flag="{LAST}"]')).to_have_attribute("data-value", "on")
    expect(page.locator("tr[data-flag]")).to_have_count(flags)
    expect(page.locator("form, button")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    console.query("ALTER TABLE away RENAME TO django_session")
    page.get_by_role("link", name="Try again").click()
    expect_row(page, LAST, "on", "yaml")


def test_a_flag_that_is_no_longer_declared_is_told(visit, console):
    visit.expects("status of 404")
    page = visit.signed_in(viewport=LOW_WINDOW)
    switch_to(page, "prod")
    console.query("DELETE FROM console_declared_flags WHERE flag_key = ?", LAST)
    toggle(page, LAST, "prod").click()
    expect_said(page.locator("#console-messages"), re.compile(f"{LAST}"))
    assert (console.rows(), console.flips()) == ({}, [])
