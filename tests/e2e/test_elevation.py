"""The dialog over the page: what can go otherwise than on a first day."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import (
    FLAGS,
    expect_dialog,
    expect_row,
    expect_said,
    not_now,
    row,
    sign_in,
    toggle,
)
from tests.e2e.codes import code_of, elevate, expect_elevated, give

KEY = "checkout_express"


@pytest.fixture
def refused(visit) -> Page:
    """alice's page with the dialog that a refused flip opened."""
    visit.expects("status of 403")
    page = visit.signed_in()
    toggle(page, KEY).click()
    expect_dialog(page)
    return page


def test_a_wrong_code_is_told_with_the_wait_and_the_next_one_is_taken(refused, console):
    dialog = expect_dialog(refused)
    right = code_of(console, "alice")
    give(dialog, "000000" if right != "000000" else "111111")
    expect_said(dialog, "That code is not right.")
    wait = dialog.locator("[data-wait]")
    expect(wait).to_have_text("0:01")
    expect(wait).to_have_text("0:00")
    give(dialog, right)
    expect(dialog).to_contain_text("is still off in staging")


def test_whoever_changes_their_mind_is_where_they_were(refused, console):
    not_now(refused)
    expect(toggle(refused, KEY)).to_be_focused()
    expect_row(refused, KEY, "off", "yaml")
    expect_said(row(refused, KEY).get_by_role("alert"), re.compile("nothing was changed"))
    assert console.flips() == []


def test_escape_closes_the_dialog_and_a_later_click_opens_it_again(visit, refused):
    refused.keyboard.press("Escape")
    expect(refused.get_by_role("dialog")).to_be_hidden()
    toggle(refused, KEY).click()
    expect(expect_dialog(refused).get_by_label("Code", exact=True)).to_be_focused()


def test_a_flip_is_not_offered_again_once_its_value_has_moved(refused, console):
    console.query(
        "INSERT INTO console_feature_flags (flag_key, env, value) VALUES (?, 'staging', 1)", KEY
    )
    dialog = expect_dialog(refused)
    give(dialog, code_of(console, "alice"))
    expect(dialog).to_contain_text(f"{KEY} is on in staging already")
    expect(dialog.get_by_role("button", name=re.compile("Turn"))).to_have_count(0)
    not_now(refused)
    # The row behind it is not left as it was.
    expect_row(refused, KEY, "on", "db")
    expect(row(refused, KEY).locator(".row-notice")).to_have_count(0)
    assert [actor for actor, _ in console.flips() if actor == "alice"] == []


def test_an_elevation_that_ends_on_the_open_page_says_so(refused, console):
    not_now(refused)
    elevate(refused, console)
    refused.goto(FLAGS)
    refused.evaluate(
        "document.querySelector('[data-elevated-seconds]').dataset.elevatedSeconds = '1'"
    )
    # The clock has begun: let a new one begin.
    refused.evaluate(
        """() => {
            const shown = document.getElementById("elevation");
            shown.replaceWith(shown.cloneNode(true));
        }"""
    )
    expect(refused.locator("#elevation")).to_contain_text("Elevation is over")
    expect(refused.get_by_role("button", name="Drop elevation")).to_have_count(0)
    expect(refused.locator(".needs-code").first).to_be_visible()


def test_a_drop_in_one_tab_drops_it_in_the_other(visit, console):
    visit.expects("status of 403")
    page = visit.signed_in()
    elevate(page, console)
    other = page.context.new_page()
    other.goto(FLAGS)
    expect_elevated(other)
    page.get_by_role("button", name="Drop elevation").click()
    expect(page.locator(".elevated")).to_have_count(0)

    toggle(other, KEY).click()
    expect_dialog(other)
    expect(other.locator(".elevated")).to_have_count(0)
    assert console.flips() == []


def test_a_session_that_ends_in_the_dialog_leads_to_the_login_page(visit, refused, console):
    visit.expects("status of 401")
    console.query("DELETE FROM accounts_operatorsession")
    give(expect_dialog(refused), "123456")
    expect(refused).to_have_url(re.compile("/console/login"))
    expect_said(refused.locator(".messagelist"), re.compile("Your session is over"))
    sign_in(refused)
    expect(refused).to_have_url(re.compile(r"/console/flags$"))


def test_a_server_that_is_gone_is_told_within_the_dialog(visit, refused):
    visit.expects("ERR_FAILED")
    visit.tolerates("htmx:", "Failed to load resource")
    refused.route("**/console/elevate", lambda route: route.abort())
    dialog = expect_dialog(refused)
    give(dialog, "123456")
    expect_said(dialog, re.compile("cannot be reached. Nothing was flipped"))


def test_without_javascript_the_same_flip_is_offered_on_a_page(visit, console):
    visit.expects("status of 403")
    page = visit.signed_in(java_script_enabled=False)
    page.goto(f"{FLAGS}?risk=high")
    toggle(page, KEY).click()
    expect_said(page.get_by_role("alert"), re.compile("need elevation"))
    page.get_by_role("link", name="Give a code").click()
    give(page, code_of(console, "alice"))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Turn on {KEY} in staging?")
    assert console.flips() == []
    page.get_by_role("button", name="Turn on in staging").click()
    expect(page).to_have_url(re.compile(rf"/console/flags\?risk=high#flag-{KEY}$"))
    expect_row(page, KEY, "on", "db")
    expect(page.locator("#elevation")).to_contain_text(re.compile(r"until \d\d:\d\d:\d\d UTC"))
    page.get_by_role("button", name="Drop elevation").click()
    expect(page.locator(".elevated")).to_have_count(0)


@pytest.fixture
def offered(refused, console) -> Page:
    """The same flip, offered again after a good code."""
    dialog = expect_dialog(refused)
    give(dialog, code_of(console, "alice"))
    expect(dialog.get_by_role("button", name="Turn on in staging")).to_be_focused()
    return refused


def turn_on(page: Page) -> None:
    page.get_by_role("dialog").get_by_role("button", name="Turn on in staging").click()


def test_an_offered_flip_that_finds_no_server_is_told(visit, offered):
    visit.expects("ERR_FAILED")
    visit.tolerates("htmx:", "Failed to load resource")
    offered.route("**/flip", lambda route: route.abort())
    turn_on(offered)
    expect_said(
        offered.locator("#console-messages"), re.compile(f"cannot be reached.*{KEY} changed")
    )
    # Whether it changed is not known: the row no longer says that nothing was.
    expect(row(offered, KEY).locator(".row-notice")).to_have_count(0)


def test_an_offered_flip_that_fails_is_told(visit, offered):
    visit.expects("status of 500")
    visit.tolerates("Response Status Error Code")
    offered.route("**/flip", lambda route: route.fulfill(status=500, body="<h1>no</h1>"))
    turn_on(offered)
    expect_said(offered.locator("#console-messages"), re.compile(rf"\(500\).*{KEY} changed"))


def test_an_elevation_that_ends_before_the_offered_click_is_asked_for_again(offered, console):
    console.query("UPDATE accounts_operatorsession SET elevated_at = NULL")
    turn_on(offered)
    expect(expect_dialog(offered).get_by_label("Code", exact=True)).to_be_focused()
    assert console.flips() == []


def test_a_dialog_that_cannot_be_filled_does_not_open(visit):
    visit.expects("status of 403", "status of 500")
    visit.tolerates("Response Status Error Code")
    page = visit.signed_in()
    page.route("**/console/elevate?**", lambda route: route.fulfill(status=500, body="no"))
    toggle(page, KEY).click()
    expect_said(page.locator("#console-messages"), re.compile(r"\(500\). Nothing was flipped"))
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_code_may_be_typed_as_the_app_shows_it(refused, console):
    code = code_of(console, "alice")
    dialog = expect_dialog(refused)
    give(dialog, f"{code[:3]} {code[3:]}")
    expect(dialog).to_contain_text("You are elevated.")
