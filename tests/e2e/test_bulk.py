"""Many flags at once: select, confirm, done."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import FLAGS, Visit, expect_row, expect_said, run_action, toggle

KEY = "console_billing"


def _planned(page: Page) -> dict[str, str]:
    """What the confirmation page says that it will do, by flag."""
    return dict(
        page.locator("[data-plan]").evaluate_all(
            "rows => rows.map(row => [row.dataset.plan, row.innerText.replace(/\\s+/g, ' ')])"
        )
    )


def _select(page: Page, *keys: str) -> None:
    for key in keys:
        page.locator(f"#select-{key}").check()


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript", "no JavaScript"])
def test_the_confirmation_lists_what_will_change_and_that_is_what_changes(visit, console, scripts):
    page = visit.signed_in(java_script_enabled=scripts)
    toggle(page, "email_digest_weekly").click()
    expect_row(page, "email_digest_weekly", "on", "db")
    before = len(console.flips())

    chosen = (KEY, "raptor_cursor_paging", "email_digest_weekly", "checkout_express")
    _select(page, *chosen)
    run_action(page, "Flip on")
    assert _planned(page) == {
        KEY: f"{KEY} off → on low",
        "raptor_cursor_paging": (
            "raptor_cursor_paging stays on, pinned by a DB row (now from yaml) low"
        ),
    }
    expect(page.get_by_role("heading", name="Already on (1)")).to_be_visible()
    expect(page.locator("[data-refused=checkout_express]")).to_contain_text("fresh TOTP proof")
    assert len(console.flips()) == before

    page.get_by_role("button", name="Flip 2 flags on in staging").click()
    expect(page).to_have_url(re.compile(rf"{FLAGS}$"))
    expect_said(page.locator(".messagelist"), "2 flags are on in staging now.")
    expect_row(page, KEY, "on", "db")
    expect_row(page, "raptor_cursor_paging", "on", "db")
    expect_row(page, "checkout_express", "off", "yaml")
    assert [payload["flag"] for _, payload in console.flips()[before:]] == [
        KEY,
        "raptor_cursor_paging",
    ]


def test_going_back_from_the_confirmation_changes_nothing(visit, console):
    page = visit.signed_in()
    _select(page, KEY)
    run_action(page, "Flip on")
    page.get_by_role("link", name="Change nothing, go back").click()
    expect_row(page, KEY, "off", "yaml")
    assert (console.rows(), console.flips()) == ({}, [])


def test_a_flag_that_moved_on_since_the_confirmation_is_named_and_left_alone(visit, console):
    page = visit.signed_in()
    _select(page, KEY, "email_digest_weekly")
    run_action(page, "Flip on")
    other = page.context.new_page()
    other.goto(FLAGS)
    for value in ("on", "off"):
        toggle(other, KEY).click()
        expect_row(other, KEY, value, "db")

    page.get_by_role("button", name="Flip 2 flags on in staging").click()
    expect_said(page.locator(".messagelist"), re.compile(f"{KEY}: It was changed meanwhile"))
    # Spelled as it is declared everywhere: people copy keys from here.
    expect(page.locator(".messagelist")).not_to_contain_text(KEY.capitalize())
    expect_row(page, KEY, "off", "db")
    expect_row(page, "email_digest_weekly", "on", "db")


def test_select_all_takes_a_swapped_row_along(visit, console):
    page = visit.signed_in()
    toggle(page, KEY).click()
    expect_row(page, KEY, "on", "db")

    page.locator("#action-toggle").check()
    counter = page.locator(".action-counter")
    expect(counter).to_have_text("12 of 12 selected")
    expect(page.locator(f"#select-{KEY}")).to_be_checked()
    expect(page.locator("tr.selected")).to_have_count(12)

    checkbox = page.locator(f"#select-{KEY}")
    checkbox.uncheck()
    expect(counter).to_have_text("11 of 12 selected")
    expect(page.locator("#action-toggle")).not_to_be_checked()
    checkbox.check()
    expect(page.locator("#action-toggle")).to_be_checked()

    run_action(page, "Flip off")
    assert f"{KEY} on → off low" in _planned(page).values()


def test_a_selected_row_stays_selected_through_its_swap(visit):
    page = visit.signed_in()
    _select(page, KEY)
    toggle(page, KEY).click()
    expect_row(page, KEY, "on", "db")
    expect(page.locator(f"#select-{KEY}")).to_be_checked()
    expect(page.locator(".action-counter")).to_have_text("1 of 12 selected")

    run_action(page, "Flip off")
    assert list(_planned(page)) == [KEY]


def _thousand_flags() -> str:
    return "".join(
        f'flag_{number:04}:\n  default: false\n  description: "Flag {number}"\n  risk: low\n'
        for number in range(1000)
    )


@pytest.fixture
def thousand(template, tmp_path):
    """A console of its own, with 1,000 declared flags."""
    declared = tmp_path / "thousand.yaml"
    declared.write_text(_thousand_flags())
    deployment = template.copy(tmp_path, FEATURE_FLAGS_FILE=str(declared))
    deployment.manage("sync_flags")
    return deployment


def test_a_thousand_flags_are_confirmed_and_flipped_at_once(browser, thousand):
    with thousand.served() as url:
        visit = Visit(browser, url)
        page = visit.signed_in()
        page.set_default_timeout(60_000)
        page.locator("#action-toggle").check()
        page.get_by_role("button", name="Select all 1000 feature flags").click()
        run_action(page, "Flip on")
        assert set(_planned(page)) == {f"flag_{number:04}" for number in range(1000)}

        page.get_by_role("button", name="Flip 1000 flags on in staging").click()
        expect_said(page.locator(".messagelist"), "1000 flags are on in staging now.")
        expect_row(page, "flag_0000", "on", "db")
        visit.end()
    assert thousand.rows() == {(f"flag_{number:04}", "staging"): 1 for number in range(1000)}
    assert len(thousand.flips()) == 1000
