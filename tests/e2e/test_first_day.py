"""A new operator's whole first day, from the password to the first high-risk flip."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import FLAGS, expect_dialog, expect_row, is_marked, mark, toggle
from tests.e2e.codes import app_code, expect_elevated, give

KEY = "checkout_express"
PASSWORD = "correct-horse-erin"


@pytest.fixture
def erin(visit, console) -> Page:
    """Made a superadmin this morning, and signed in."""
    console.manage("create_operator", "erin", "--role", "superadmin", OPERATOR_PASSWORD=PASSWORD)
    page = visit.context().new_page()
    page.goto(FLAGS)
    page.get_by_label("Username").fill("erin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    return page


def enrol(page: Page) -> str:
    """From the account page: the password, and a code of the page's own secret. Returns it."""
    page.get_by_role("link", name="Account", exact=True).click()
    page.get_by_role("link", name="Enrol a device").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".qr-code svg")).to_be_visible()
    secret = page.locator("#totp-secret").inner_text()
    page.get_by_label("six digits").fill(app_code(secret))
    page.get_by_role("button", name="Confirm").click()
    return secret


def test_a_first_day(visit, console, erin):
    visit.expects("status of 403")
    page = erin

    # Without a device the dialog tells what to do first.
    toggle(page, KEY).click()
    expect(expect_dialog(page)).to_contain_text("no TOTP device yet")
    page.get_by_role("button", name="Not now").click()

    secret = enrol(page)
    codes = page.locator("#recovery-codes code").all_inner_texts()
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"[A-Z2-7]{4}(-[A-Z2-7]{4}){3}", code) for code in codes)
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("[data-codes-left]")).to_have_text("10 left.")

    # The flip is refused, a code is given over the page, the same flip is offered again.
    page.goto(f"{FLAGS}?risk=high")
    mark(page)
    toggle(page, KEY).click()
    dialog = expect_dialog(page)
    expect(dialog.get_by_label("Code", exact=True)).to_be_focused()
    expect_row(page, KEY, "off", "yaml")
    give(dialog, app_code(secret, ahead=1))
    expect(dialog).to_contain_text(f"Turn on {KEY} in staging?")
    assert console.flips() == []
    dialog.get_by_role("button", name="Turn on in staging").click()
    expect(dialog).to_be_hidden()
    expect_row(page, KEY, "on", "db")
    expect(toggle(page, KEY)).to_be_focused()
    assert is_marked(page)
    assert page.url.endswith("?risk=high")
    [(who, payload)] = console.flips()
    assert (who, payload["flag"], payload["to"]) == ("erin", KEY, True)

    # The time left is counted down; the next one goes without a code.
    expect_elevated(page)
    left = page.locator("#elevation .time-left")
    first = left.inner_text()
    assert re.fullmatch(r", (10:00|9:\d\d) left", first)
    expect(left).not_to_have_text(first)
    expect(page.locator(".needs-code").first).to_be_hidden()
    toggle(page, KEY).click()
    expect_row(page, KEY, "off", "db")

    page.get_by_role("button", name="Drop elevation").click()
    expect(page).to_have_url(re.compile(r"/console/flags\?risk=high$"))
    expect(page.locator(".elevated")).to_have_count(0)
    toggle(page, KEY).click()
    expect(expect_dialog(page).get_by_label("Code", exact=True)).to_be_visible()
    assert len(console.flips()) == 2
