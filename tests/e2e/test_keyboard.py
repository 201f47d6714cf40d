"""The flags page without a mouse."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import expect_row, expect_said, row, toggle

KEY = "console_billing"


def _tab_to(page: Page, element_id: str, limit: int = 120) -> None:
    for _ in range(limit):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == element_id:
            return
    raise AssertionError(f"{limit} times Tab did not reach {element_id}")


@pytest.mark.parametrize("press", ["Space", "Enter"])
def test_a_flag_is_flipped_by_keyboard_alone_and_the_toggle_keeps_the_focus(visit, console, press):
    page = visit.signed_in()
    _tab_to(page, f"toggle-{KEY}")
    button = toggle(page, KEY)
    expect(button).to_be_focused()
    expect(button).to_have_role("button")
    expect(button).to_have_accessible_name(f"{KEY} in staging")
    expect(page.get_by_role("button", name=f"{KEY} in staging", pressed=False)).to_be_visible()

    page.keyboard.press(press)
    expect(page.get_by_role("button", name=f"{KEY} in staging", pressed=True)).to_be_visible()
    expect(button).to_be_focused()
    page.keyboard.press(press)
    expect_row(page, KEY, "off", "db")
    expect(button).to_be_focused()
    assert [payload["to"] for _, payload in console.flips()] == [True, False]


def test_the_focused_toggle_can_be_seen(visit):
    page = visit.signed_in()
    _tab_to(page, f"toggle-{KEY}")
    width = toggle(page, KEY).evaluate("button => getComputedStyle(button).outlineWidth")
    assert float(width.removesuffix("px")) >= 2
    expect(toggle(page, KEY)).to_be_in_viewport(ratio=1)


def test_an_enter_key_that_is_held_down_flips_once(visit, console):
    """The keyboard repeats it, and the focus stays on the fresh toggle: each repeat would flip."""
    page = visit.signed_in()
    toggle(page, KEY).focus()
    page.keyboard.down("Enter")
    expect_row(page, KEY, "on", "db")
    page.keyboard.down("Enter")  # the second `down` without an `up` is the key's repeat
    page.keyboard.up("Enter")
    page.wait_for_load_state("networkidle")
    expect_row(page, KEY, "on", "db")
    assert len(console.flips()) == 1


def test_a_refusal_keeps_the_focus_on_the_toggle_too(visit, console):
    visit.expects("status of 403")
    page = visit.signed_in("bob")
    _tab_to(page, "toggle-checkout_express")
    page.keyboard.press("Enter")
    expect_said(row(page, "checkout_express").get_by_role("alert"), "need the role superadmin")
    expect(toggle(page, "checkout_express")).to_be_focused()
    assert console.flips() == []
