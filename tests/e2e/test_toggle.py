"""The toggle: a row that changes in place, once, or says why it did not."""

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import (
    FLAGS,
    expect_row,
    expect_said,
    is_marked,
    mark,
    not_now,
    row,
    toggle,
)

KEY = "console_billing"
TURNED_ON = ("alice", {"flag": KEY, "env": "staging", "from": False, "to": True})


def test_a_click_changes_the_row_in_place_without_a_page_load(visit, console):
    page = visit.signed_in()
    expect_row(page, KEY, "off", "yaml")
    mark(page)
    others = page.locator("tr.flag").evaluate_all("rows => rows.map(row => row.id)")

    toggle(page, KEY).click()
    expect_row(page, KEY, "on", "db")
    expect_said(row(page, KEY), "Turned on")
    expect(row(page, KEY).locator(".field-last_change")).to_contain_text("alice")
    assert is_marked(page)
    assert page.locator("tr.flag").evaluate_all("rows => rows.map(row => row.id)") == others
    assert console.rows() == {(KEY, "staging"): 1}
    assert console.flips() == [TURNED_ON]

    page.reload()
    expect_row(page, KEY, "on", "db")


def test_a_second_click_turns_it_off_again(visit, console):
    page = visit.signed_in()
    toggle(page, KEY).click()
    expect_row(page, KEY, "on", "db")
    toggle(page, KEY).click()
    expect_row(page, KEY, "off", "db")
    assert [payload["to"] for _, payload in console.flips()] == [True, False]


def test_a_double_click_flips_once(visit, console):
    page = visit.signed_in()
    toggle(page, KEY).dblclick()
    expect_row(page, KEY, "on", "db")
    page.wait_for_load_state("networkidle")
    expect_row(page, KEY, "on", "db")
    assert console.flips() == [TURNED_ON]


def test_a_slow_double_click_does_not_flip_the_fresh_row_back(visit, console):
    """The second click comes after the swap: it meets a toggle that says "on" and asks for off."""
    page = visit.signed_in()
    box = toggle(page, KEY).bounding_box()
    place = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(*place)
    expect_row(page, KEY, "on", "db")
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)
    page.wait_for_load_state("networkidle")
    expect_row(page, KEY, "on", "db")
    assert console.flips() == [TURNED_ON]


@pytest.mark.parametrize(
    ("name", "key", "reason"),
    [
        ("bob", "raptor_async_exports", "Flags of medium risk need the role superadmin"),
        ("bob", "checkout_express", "Flags of high risk need the role superadmin"),
        ("alice", "checkout_express", "Flags of high risk need elevation"),
    ],
)
def test_a_refused_flip_shows_its_reason_on_the_row(visit, console, name, key, reason):
    visit.expects("status of 403")
    page = visit.signed_in(name)
    mark(page)
    toggle(page, key).click()
    if "elevation" in reason:
        not_now(page)
    expect_said(row(page, key).get_by_role("alert"), reason)
    expect_row(page, key, "off", "yaml")
    assert is_marked(page)
    assert (console.rows(), console.flips()) == ({}, [])


def test_a_toggle_that_the_role_may_not_flip_says_so_beforehand(visit):
    page = visit.signed_in("bob")
    expect(toggle(page, "raptor_async_exports")).to_have_attribute("data-locked", "")
    expect(toggle(page, "raptor_async_exports")).to_have_attribute(
        "title", "Your role may not flip medium-risk flags"
    )
    expect(toggle(page, KEY)).not_to_have_attribute("data-locked", "")


def test_a_refusal_leaves_the_row_with_the_next_flip(visit, console):
    """One row's refusal must not hide that another row's flip went well."""
    visit.expects("status of 403")
    page = visit.signed_in()
    toggle(page, "checkout_express").click()
    expect(row(page, "checkout_express").get_by_role("alert")).to_be_visible()
    not_now(page)
    toggle(page, KEY).click()
    expect_row(page, KEY, "on", "db")
    expect_said(row(page, KEY), "Turned on")
    assert console.flips() == [TURNED_ON]


def test_the_back_button_brings_the_present_value(visit, console):
    page = visit.signed_in()
    toggle(page, KEY).click()
    expect_row(page, KEY, "on", "db")
    row(page, KEY).get_by_role("link", name=KEY).click()
    expect(page.locator("p.now")).to_have_attribute("data-value", "on")
    page.go_back()
    expect_row(page, KEY, "on", "db")
    toggle(page, KEY).click()
    expect_row(page, KEY, "off", "db")
    assert len(console.flips()) == 2


def test_a_filtered_page_flips_in_place_too(visit, console):
    page = visit.signed_in()
    page.goto(f"{FLAGS}?q=billing&value=off")
    toggle(page, KEY).click()
    expect_row(page, KEY, "on", "db")
    assert console.flips() == [TURNED_ON]
