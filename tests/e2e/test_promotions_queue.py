"""The queue, many promotions at once, and promotions without a mouse or on a phone."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browsing import (
    FLAGS,
    expect_row,
    expect_said,
    is_marked,
    mark,
    row,
    switch_to,
    toggle,
)
from tests.e2e.promoting import (
    QUEUE,
    entered,
    leave,
    part,
    promote_button,
    states,
)

LOW, OTHER, HIGH = "console_billing", "email_digest_weekly", "checkout_express"
WIDTH = "document.documentElement.scrollWidth"


def _queued(page: Page, pk: int) -> Locator:
    return page.locator(f"#promotion-{pk}")


def _centre(button: Locator) -> tuple[float, float]:
    box = button.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_queue_approves_and_promotes_in_place(visit, console):
    entered(console, LOW)
    page = visit.signed_in()
    page.goto(QUEUE)
    mark(page)
    _queued(page, 1).get_by_role("button", name=f"Approve {LOW}").click()
    expect(_queued(page, 1)).to_have_attribute("data-state", "approved")
    expect_said(_queued(page, 1).get_by_role("status"), "promotion approved")
    promote_button(page, LOW).click()
    expect(_queued(page, 1)).to_have_attribute("data-state", "promoted")
    expect_said(_queued(page, 1).get_by_role("status"), "promoted: on in prod now")
    assert is_marked(page)
    assert console.rows() == {(LOW, "staging"): 1, (LOW, "prod"): 1}


def test_neither_a_double_click_nor_a_held_key_takes_the_next_step_too(visit, console):
    entered(console, LOW, OTHER)
    page = visit.signed_in()
    page.goto(QUEUE)
    page.mouse.click(*_centre(page.get_by_role("button", name=f"Approve {LOW}")))
    expect(_queued(page, 1)).to_have_attribute("data-state", "approved")
    page.mouse.move(*_centre(promote_button(page, LOW)))
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)
    page.get_by_role("button", name=f"Approve {OTHER}").focus()
    page.keyboard.down("Enter")
    expect(_queued(page, 2)).to_have_attribute("data-state", "approved")
    page.keyboard.down("Enter")  # the second `down` without an `up` is the key's repeat
    page.keyboard.up("Enter")
    page.wait_for_load_state("networkidle")
    assert states(console) == {LOW: "approved", OTHER: "approved"}


def test_a_step_whose_answer_is_lost_is_not_said_to_have_failed(visit, console):
    visit.expects("ERR_FAILED")
    visit.tolerates("htmx:", "Failed to load resource")
    entered(console, LOW)
    page = visit.signed_in()
    page.goto(QUEUE)
    page.route("**/promote", lambda route: route.abort())
    promote_button(page, LOW).click()
    expect_said(page.locator("#console-messages"), re.compile("Whether it changed is not known"))


def test_a_promotion_is_rejected_with_a_reason_on_its_page(visit, console):
    entered(console, LOW, left=3600)
    page = visit.signed_in()
    page.goto(QUEUE)
    _queued(page, 1).get_by_role("link", name=f"Reject {LOW}").click()
    expect(page).to_have_url(re.compile(rf"{QUEUE}/1#reject$"))
    page.get_by_label("Why").fill("the index is not ready")
    page.get_by_role("button", name="Reject", exact=True).click()
    expect_said(page.locator(".messagelist"), f"{LOW}: promotion rejected.")
    expect(_queued(page, 1)).to_have_attribute("data-state", "rejected")
    expect(_queued(page, 1)).to_contain_text(re.compile("by alice.*: the index is not ready"))
    page.goto(QUEUE)
    expect(_queued(page, 1)).to_contain_text("the index is not ready")


def _confirm(page: Page, keys: tuple[str, ...], action: str) -> None:
    for key in keys:
        page.locator(f"#select-{key}").check()
    page.locator("select[name=action]").select_option(label=action)
    page.get_by_role("button", name="Go").click()
    expect(page.locator("#confirm-steps")).to_be_attached()


def test_many_are_marked_and_then_promoted_through_the_confirmation(visit, console):
    entered(console, HIGH)
    page = visit.signed_in()
    for key in (LOW, OTHER):
        toggle(page, key).click()
        expect_row(page, key, "on", "db")
    _confirm(page, (LOW, OTHER, HIGH), "Mark active for prod")
    expect(page.locator(f"[data-plan={LOW}]")).to_contain_text("on for prod, soak 24 h")
    expect(page.locator(f"[data-refused={HIGH}]")).to_contain_text("an open promotion already")
    page.get_by_role("button", name="Mark 2 flags for prod").click()
    expect_said(page.locator(".messagelist"), "2 flags marked for prod.")
    assert states(console) == {HIGH: "pending", LOW: "pending", OTHER: "pending"}

    leave(console, LOW)  # the other one has no soak
    switch_to(page, "prod")
    _confirm(page, (LOW, OTHER, HIGH), "Promote to prod")
    expect(page.locator(f"[data-plan={OTHER}]")).to_contain_text("off → on in prod; no soak")
    expect(page.locator(f"[data-plan={LOW}]")).to_contain_text("off → on in prod; soaked 24 h")
    expect(page.locator(f"[data-refused={HIGH}]")).to_contain_text("High risk is not promoted with")
    page.get_by_role("button", name="Promote 2 flags to prod").click()
    expect_said(page.locator(".messagelist"), "2 flags promoted to prod.")
    expect_row(page, LOW, "on", "db", "prod")
    expect_row(page, HIGH, "off", "yaml", "prod")
    assert states(console) == {HIGH: "pending", LOW: "promoted", OTHER: "promoted"}


def _tab_to(page: Page, name: str) -> None:
    """Press Tab until the button of this name has the focus."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == name:
            return
    raise AssertionError(f"Tab did not reach {name}")


def test_the_keyboard_alone_marks_and_promotes_and_keeps_its_place(visit, console):
    page = visit.signed_in()
    page.goto(f"{FLAGS}?q=billing")
    toggle(page, LOW).press("Enter")
    expect_row(page, LOW, "on", "db")
    _tab_to(page, f"Mark {LOW} active for prod")
    page.keyboard.press("Enter")
    expect(part(page, LOW)).to_contain_text("soaking")
    # The button is gone: what became of it is where the keyboard goes on from.
    expect(row(page, LOW).locator(".row-notice")).to_be_focused()

    leave(console, LOW)
    switch_to(page, "prod")
    _tab_to(page, f"Promote {LOW}: turn it on in prod")
    page.keyboard.press("Space")
    expect_row(page, LOW, "on", "db", "prod")
    expect(row(page, LOW).locator(".row-notice")).to_be_focused()


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_of_promotions_scrolls_sideways(visit, console, width):
    entered(console, HIGH)
    entered(console, LOW, left=86000)
    page = visit.signed_in(viewport={"width": width, "height": 844})
    for env in ("staging", "prod"):
        assert (env, page.evaluate(WIDTH)) == (env, width)
        switch_to(page, "prod" if env == "staging" else "staging")
    for address in (QUEUE, f"{QUEUE}/1", f"{QUEUE}/2", f"{FLAGS}/{HIGH}"):
        page.goto(address)
        assert (address, page.evaluate(WIDTH)) == (address, width)


def test_whoever_may_only_look_has_a_queue_without_buttons(visit, console):
    entered(console, LOW)
    page = visit.signed_in("bob")
    page.goto(QUEUE)
    expect(_queued(page, 1)).to_contain_text("soak over")
    expect(page.locator("#result_list").locator("button, input")).to_have_count(0)
    columns = page.locator("#result_list thead th").count()
    assert _queued(page, 1).locator("th, td").count() == columns
