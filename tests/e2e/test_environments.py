"""Which environment a page shows, and what happens when another tab moved on."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import (
    FLAGS,
    expect_row,
    expect_said,
    run_action,
    switch_to,
    toggle,
)

KEY = "console_billing"


def _banner_colour(page: Page) -> str:
    """What the eye sees of the computed background: "red", "purple", or the figures."""
    computed = page.locator("#env-banner").evaluate("b => getComputedStyle(b).backgroundColor")
    red, green, blue = (int(part) for part in re.findall(r"\d+", computed)[:3])
    if red > 2 * green and red > 2 * blue:
        return "red"
    if blue > red > 1.5 * green:
        return "purple"
    return computed


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript", "no JavaScript"])
def test_the_switch_changes_environment_and_banner(visit, console, scripts):
    page = visit.signed_in(java_script_enabled=scripts)
    assert _banner_colour(page) == "purple"
    expect(page).to_have_title(re.compile("staging"))
    toggle(page, KEY).click()
    expect_row(page, KEY, "on", "db")

    page.goto(f"{FLAGS}?q=billing")
    switch_to(page, "prod")
    assert _banner_colour(page) == "red"
    expect(page).to_have_url(re.compile(r"/console/flags\?q=billing$"))
    expect(page).to_have_title(re.compile("prod"))
    expect_row(page, KEY, "off", "yaml", env="prod")

    toggle(page, KEY, "prod").click()
    expect_row(page, KEY, "on", "db", env="prod")
    assert [payload["env"] for _, payload in console.flips()] == ["staging", "prod"]


@pytest.mark.parametrize(("env", "colour"), [("prod", "red"), ("staging", "purple")])
def test_every_page_shows_the_banner_in_its_colour(visit, env, colour):
    page = visit.signed_in()
    if env == "prod":
        switch_to(page, env)
    for address in ("/console/", FLAGS, f"{FLAGS}/{KEY}", "/console/audit"):
        page.goto(address)
        expect(page.locator("#env-banner")).to_be_in_viewport(ratio=1)
        expect(page.locator("#env-banner")).to_contain_text(re.compile(env, re.IGNORECASE))
        assert (address, _banner_colour(page)) == (address, colour)

    page.goto(FLAGS)
    page.locator(f"#select-{KEY}").check()
    run_action(page, "Flip on")
    assert _banner_colour(page) == colour


def test_the_banner_stays_in_sight_at_the_end_of_a_long_page(visit):
    page = visit.signed_in(viewport={"width": 390, "height": 600})
    page.locator("tr.flag").last.scroll_into_view_if_needed()
    assert page.evaluate("window.scrollY") > 0
    expect(page.locator("#env-banner .env-name")).to_be_in_viewport(ratio=1)


def test_a_tab_whose_flag_was_flipped_in_another_tab_is_told_so(visit, console):
    """On and off again: the value is what the old tab shows, and yet not what it saw."""
    visit.expects("status of 409")
    old = visit.signed_in()
    other = old.context.new_page()
    other.goto(FLAGS)
    for value in ("on", "off"):
        toggle(other, KEY).click()
        expect_row(other, KEY, value, "db")

    toggle(old, KEY).click()
    expect_said(old.get_by_role("alert"), re.compile("It was changed meanwhile: it is off in"))
    expect_row(old, KEY, "off", "db")
    assert len(console.flips()) == 2

    toggle(old, KEY).click()
    expect_row(old, KEY, "on", "db")
    assert len(console.flips()) == 3


def test_a_tab_that_asks_for_what_another_tab_did_already_is_told_by_whom(visit, console):
    alice, bob = visit.signed_in("alice"), visit.signed_in("bob")
    toggle(bob, KEY).click()
    expect_row(bob, KEY, "on", "db")

    toggle(alice, KEY).click()
    expect_said(alice.get_by_role("status"), re.compile(r"already on \(bob, \d+ s ago\)", re.I))
    expect_row(alice, KEY, "on", "db")
    assert [actor for actor, _ in console.flips()] == ["bob"]


def test_a_tab_of_the_environment_that_was_left_flips_nothing(visit, console):
    visit.expects("status of 409")
    old = visit.signed_in()
    other = old.context.new_page()
    other.goto(FLAGS)
    switch_to(other, "prod")

    toggle(old, KEY).click()
    expect_said(old.get_by_role("alert"), "prod is the active environment now")
    expect_row(old, KEY, "off", "yaml", env="staging")
    assert (console.rows(), console.flips()) == ({}, [])

    old.reload()
    expect_row(old, KEY, "off", "yaml", env="prod")


def test_a_bulk_plan_of_the_environment_that_was_left_is_not_applied(visit, console):
    visit.expects("status of 409")
    page = visit.signed_in()
    page.locator(f"#select-{KEY}").check()
    run_action(page, "Flip on")
    other = page.context.new_page()
    other.goto(FLAGS)
    switch_to(other, "prod")

    page.get_by_role("button", name="Flip 1 flag on in staging").click()
    expect_said(page.get_by_role("alert"), "this page shows staging")
    assert (console.rows(), console.flips()) == ({}, [])
