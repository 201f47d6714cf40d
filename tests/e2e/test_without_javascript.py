"""The flags page where no script runs."""

import re

from playwright.sync_api import expect

from tests.e2e.browsing import FLAGS, expect_row, expect_said, sign_in, toggle

KEY = "console_billing"


def test_a_flip_comes_back_to_its_row_on_the_same_page_with_a_message(visit, console):
    page = visit.context(java_script_enabled=False).new_page()
    page.goto(f"{FLAGS}?risk=low")
    sign_in(page)
    toggle(page, KEY).click()
    expect(page).to_have_url(re.compile(rf"{FLAGS}\?risk=low#flag-{KEY}$"))
    expect_row(page, KEY, "on", "db")
    # Spelled as it is declared: people copy the key from here.
    expect(page.locator(".messagelist")).to_contain_text(KEY)
    expect(page.locator(".messagelist")).to_contain_text("turned on", ignore_case=True)
    assert console.flips() == [
        ("alice", {"flag": KEY, "env": "staging", "from": False, "to": True})
    ]

    page.reload()
    expect_row(page, KEY, "on", "db")
    assert len(console.flips()) == 1


def test_a_refused_flip_is_a_page_with_the_reason_and_a_way_back(visit, console):
    visit.expects("status of 403")
    page = visit.signed_in("bob", java_script_enabled=False)
    with page.expect_navigation() as navigation:
        toggle(page, "raptor_async_exports").click()
    assert navigation.value.status == 403
    expect_said(page.get_by_role("alert"), re.compile("need the role superadmin"))
    expect(page.get_by_role("alert")).to_contain_text("raptor_async_exports is off in staging")
    assert (console.rows(), console.flips()) == ({}, [])

    page.get_by_role("link", name="Back to the flags").click()
    expect_row(page, "raptor_async_exports", "off", "yaml")


def test_a_stale_flip_is_a_page_with_the_present_value(visit, console):
    visit.expects("status of 409")
    page = visit.signed_in(java_script_enabled=False)
    other = page.context.new_page()
    other.goto(FLAGS)
    for value in ("on", "off"):
        toggle(other, KEY).click()
        expect_row(other, KEY, value, "db")

    with page.expect_navigation() as navigation:
        toggle(page, KEY).click()
    assert navigation.value.status == 409
    expect_said(page.get_by_role("alert"), re.compile("was changed meanwhile"))
    assert len(console.flips()) == 2


def test_a_flip_without_a_session_signs_in_and_comes_back(visit, console):
    page = visit.signed_in(java_script_enabled=False)
    console.query("DELETE FROM django_session")
    toggle(page, KEY).click()
    expect(page).to_have_url(re.compile(r"/console/login\?next=/console/flags"))
    expect(page.get_by_label("Username")).to_be_visible()
    assert console.rows() == {}
