"""Signing in, and losing the session or the CSRF token in the middle of a flip."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import FLAGS, expect_row, expect_said, row, sign_in, toggle

KEY = "console_billing"


def test_signing_in_leads_to_the_page_that_was_asked_for(visit):
    page = visit.context().new_page()
    page.goto(f"{FLAGS}?risk=low")
    expect(page).to_have_url(re.compile(r"/console/login\?next="))
    sign_in(page, "alice")
    expect(page).to_have_url(re.compile(r"/console/flags\?risk=low$"))
    expect_row(page, KEY, "off", "yaml")


def test_a_wrong_password_is_told(visit):
    page = visit.context().new_page()
    page.goto(FLAGS)
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("not-the-password")
    page.get_by_role("button", name="Log in").click()
    expect_said(page.locator(".errornote"), re.compile("correct", re.IGNORECASE))
    expect(page).to_have_url(re.compile("/console/login"))


def _session_ended_on_the_server(console, page):
    console.query("DELETE FROM django_session")


def _session_cookie_lost(console, page):
    page.context.clear_cookies(name="__Host-sessionid")


@pytest.mark.parametrize("lose", [_session_ended_on_the_server, _session_cookie_lost])
def test_a_flip_without_a_session_ends_on_the_login_page_and_comes_back(visit, console, lose):
    visit.expects("status of 401")
    page = visit.signed_in()
    page.goto(f"{FLAGS}?risk=low")
    lose(console, page)

    toggle(page, KEY).click()
    expect(page).to_have_url(re.compile("/console/login"))
    assert parse_qs(urlsplit(page.url).query)["next"] == [f"{FLAGS}?risk=low"]
    assert console.rows() == {}

    sign_in(page)
    expect(page).to_have_url(re.compile(r"/console/flags\?risk=low$"))
    expect_row(page, KEY, "off", "yaml")


def _sign_in_anew(context):
    """In another tab: sign out, and in again as somebody else. Rotates the CSRF token."""
    tab = context.new_page()
    tab.goto(FLAGS)
    tab.get_by_role("button", name="Log out").click()
    tab.goto(FLAGS)
    sign_in(tab, "bob")


def test_a_flip_with_a_stale_csrf_token_is_told_in_the_page(visit, console):
    visit.expects("status of 403")
    page = visit.signed_in("alice", viewport={"width": 1280, "height": 500})
    _sign_in_anew(page.context)

    last = "raptor_webhook_retries"
    toggle(page, last).click()
    expect_said(page.locator("#console-messages"), re.compile("Reload the page"))
    expect(row(page, last)).to_have_attribute("data-value", "on")
    assert (console.rows(), console.flips()) == ({}, [])


def test_without_javascript_a_stale_csrf_token_is_a_page_that_says_so(visit, console):
    visit.expects("status of 403")
    page = visit.signed_in(java_script_enabled=False)
    _sign_in_anew(page.context)

    with page.expect_navigation() as navigation:
        toggle(page, KEY).click()
    assert navigation.value.status == 403
    expect_said(page.get_by_role("alert"), re.compile("Reload the page"))
    assert (console.rows(), console.flips()) == ({}, [])
