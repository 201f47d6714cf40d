"""A value's way from staging to prod, as an operator walks it."""

import re

import pytest
from playwright.sync_api import Page, expect

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
from tests.e2e.codes import code_of, elevate, expect_elevated, give
from tests.e2e.promoting import (
    QUEUE,
    entered,
    leave,
    mark_button,
    part,
    promote_button,
    states,
)

LOW, HIGH = "console_billing", "checkout_express"
PHRASE = f"promote {HIGH} to prod"
TURN_ON = "Promote: turn on in prod"


def _sentences(page: Page) -> list[str]:
    """The story that a page tells, without its times."""
    told = page.locator("ol.history li").all_inner_texts()
    return [text.partition(",")[0] for text in told]


@pytest.fixture
def soaked(visit, console) -> Page:
    """alice, elevated, on prod's flags page; she marked the high-risk flag, its soak is over."""
    page = visit.signed_in()
    elevate(page, console)
    toggle(page, HIGH).click()
    expect_row(page, HIGH, "on", "db")
    mark(page)
    mark_button(page, HIGH).click()
    expect(part(page, HIGH).locator("[data-promotion]")).to_have_attribute("data-state", "pending")
    expect(part(page, HIGH)).to_contain_text(re.compile(r"soaking, (3 d|2 d 23 h) left"))
    expect_said(row(page, HIGH).get_by_role("status"), "marked on for prod: it soaks 3 d")
    assert is_marked(page)
    leave(console, HIGH)
    switch_to(page, "prod")
    return page


def test_a_high_risk_flag_reaches_prod_by_phrase_and_code(visit, console, soaked):
    visit.expects("status of 409", "status of 403")
    page = soaked
    expect_row(page, HIGH, "off", "yaml", "prod")
    part(page, HIGH).get_by_role("link", name="Promote…").click()
    expect(page).to_have_url(re.compile(rf"{QUEUE}/1#promote$"))
    typed = page.get_by_label(f"Type {PHRASE}")
    typed.fill(f"Promote {HIGH}")
    page.get_by_role("button", name=TURN_ON).click()
    expect_said(page.get_by_role("alert"), re.compile("is of high risk: type"))
    expect(typed).to_have_value(f"Promote {HIGH}")

    page.get_by_role("button", name="Drop elevation").click()
    expect(page.locator(".elevated")).to_have_count(0)
    typed.fill(PHRASE)
    page.get_by_role("button", name=TURN_ON).click()
    expect_said(page.get_by_role("alert"), re.compile("need elevation"))
    page.get_by_role("link", name="Give a code").click()
    give(page, code_of(console, "alice"))
    expect_elevated(page)
    expect(typed).to_have_value(PHRASE)
    assert (states(console), console.rows()) == ({HIGH: "pending"}, {(HIGH, "staging"): 1})

    page.get_by_role("button", name=TURN_ON).click()
    expect_said(page.locator(".messagelist"), f"{HIGH}: promoted: on in prod now.")
    page.goto(FLAGS)
    expect_row(page, HIGH, "on", "db", "prod")
    switch_to(page, "staging")
    expect_row(page, HIGH, "on", "db")
    _expect_the_story_everywhere(page)
    assert [payload["env"] for _, payload in console.flips()] == ["staging", "prod"]


def _expect_the_story_everywhere(page: Page) -> None:
    """On the promotion's page, on the flag's, and in the audit log."""
    story = [
        f"alice turned {HIGH} on in staging from the console",
        f"alice marked {HIGH} on for prod",
        f"alice approved {HIGH} on for prod",
        f"alice turned {HIGH} on in prod by promotion",
        f"alice promoted {HIGH} on to prod",
    ]
    page.goto(f"{QUEUE}/1")
    assert _sentences(page) == story
    page.goto(f"{FLAGS}/{HIGH}")
    assert _sentences(page) == story[::-1]
    expect(page.locator("#promotions [data-promotion]")).to_contain_text("was promoted by alice")
    page.goto(f"/console/audit?flag={HIGH}")
    logged = page.locator("#result_list .field-what").all_inner_texts()
    assert [text.partition(",")[0].partition("\n")[0] for text in logged] == story[::-1]


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript", "no JavaScript"])
def test_a_low_risk_flag_is_marked_and_promoted_in_its_row(visit, console, scripts):
    page = visit.signed_in(java_script_enabled=scripts)
    toggle(page, LOW).click()
    expect_row(page, LOW, "on", "db")
    _click(page, mark_button(page, LOW), scripts)
    expect(part(page, LOW)).to_contain_text(re.compile(r"soaking, (24 h|23 h 59 min) left"))
    expect(page.get_by_text("marked on for prod: it soaks 24 h")).to_be_visible()
    expect(part(page, LOW)).to_be_in_viewport()

    leave(console, LOW)
    switch_to(page, "prod")
    expect_row(page, LOW, "off", "yaml", "prod")
    _click(page, promote_button(page, LOW), scripts)
    expect_row(page, LOW, "on", "db", "prod")
    expect(part(page, LOW)).to_contain_text("was promoted by alice")
    expect(page.get_by_text("promoted: on in prod now")).to_be_visible()
    expect(part(page, LOW)).to_be_in_viewport()
    assert console.rows() == {(LOW, "staging"): 1, (LOW, "prod"): 1}


def _click(page: Page, button, scripts: bool) -> None:
    """In place where scripts run; else a form, and 303 back to the same page."""
    if scripts:
        mark(page)
        with page.expect_response("**/console/**") as swap:
            button.click()
        assert swap.value.status == 200
        assert is_marked(page)
        return
    with page.expect_navigation() as navigation:
        button.click()
    posted = navigation.value.request.redirected_from
    assert (posted.method, posted.response().status) == ("POST", 303)
    expect(page).to_have_url(re.compile(f"{FLAGS}(#.*)?$"))


def test_the_bar_advances_until_the_soak_is_over(visit, console):
    entered(console, LOW, left=2.5)
    page = visit.signed_in()
    switch_to(page, "prod")
    bar, words = part(page, LOW).locator("progress"), part(page, LOW).locator(".soak-words")
    expect(words).to_contain_text(re.compile(r"soaking, \d s left"))
    before = (words.inner_text(), bar.evaluate("bar => bar.value"))
    expect(words).not_to_have_text(before[0])
    assert bar.evaluate("bar => bar.value") > before[1]
    expect(words).to_contain_text("soak over")
    expect(promote_button(page, LOW)).to_have_count(0)
    part(page, LOW).get_by_role("link", name="reload to go on").click()
    expect(promote_button(page, LOW)).to_be_visible()


def test_a_tab_does_not_promote_what_changed_on_staging_meanwhile(visit, console):
    visit.expects("status of 409")
    entered(console, LOW)
    page = visit.signed_in("alice")
    switch_to(page, "prod")
    expect(promote_button(page, LOW)).to_be_visible()
    bob = visit.signed_in("bob")
    toggle(bob, LOW).click()
    expect_row(bob, LOW, "off", "db")

    promote_button(page, LOW).click()
    said = "was rejected by the system.*bob turned console_billing off in staging"
    expect_said(row(page, LOW).get_by_role("alert"), re.compile(said))
    expect_row(page, LOW, "off", "yaml", "prod")
    expect(part(page, LOW).locator("[data-promotion]")).to_have_attribute("data-state", "rejected")
    expect(promote_button(page, LOW)).to_have_count(0)
    assert console.rows() == {(LOW, "staging"): 0}
