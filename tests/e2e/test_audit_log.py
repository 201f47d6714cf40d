"""A change made behind the console's back: seen, reconciled, and found again in the audit log."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import FLAGS, expect_row, expect_said, row, toggle

KEY = "console_billing"
# Runbook, section 6, option A.
OPTION_A = (
    "UPDATE console_feature_flags SET value=1, updated_at=CURRENT_TIMESTAMP"
    f" WHERE flag_key='{KEY}' AND env='staging'"
)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_change_behind_the_consoles_back_is_marked_until_it_is_reconciled(
    visit, console, scripts
):
    page = visit.signed_in(java_script_enabled=scripts)
    for value in ("on", "off"):
        toggle(page, KEY).click()
        expect_row(page, KEY, value, "db")
    console.query(OPTION_A)
    page.goto(FLAGS)
    expect_row(page, KEY, "on", "db")
    expect(row(page, KEY)).to_contain_text("changed outside the console")

    row(page, KEY).get_by_role("link", name="Reconcile").click()
    expect(page).to_have_url(re.compile(rf"/{KEY}#reconcile$"))
    expect_said(page.locator("#reconcile"), "Changed outside the console")
    page.get_by_label("Incident").fill("INC-42")
    page.get_by_label("What happened").fill("the console was down")
    page.get_by_role("button", name="Reconcile in staging").click()
    expect(page.locator(".messagelist")).to_contain_text("reconciled", ignore_case=True)
    expect(page.locator("#reconcile")).to_have_count(0)

    page.goto(FLAGS)
    expect_row(page, KEY, "on", "db")
    expect(row(page, KEY)).not_to_contain_text("outside the console")
    expect(row(page, KEY)).to_contain_text("INC-42")
    [(reason,)] = console.query(
        "SELECT json_extract(context, '$.reason') FROM console_audit_log"
        " WHERE action = 'console.flag.reconciled'"
    )
    assert reason == "the console was down"


def test_the_log_is_filtered_searched_and_read_without_scripts(visit, console):
    page = visit.signed_in(java_script_enabled=False)
    toggle(page, KEY).click()
    toggle(page, "email_digest_weekly").click()
    page.get_by_role("link", name="Audit log").first.click()
    entries = page.locator("#result_list tbody tr")
    expect(entries.filter(has_text=f"alice turned {KEY} on in staging")).to_have_count(1)

    page.get_by_label("Flag", exact=True).fill(KEY)
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(entries).to_have_count(1)
    entries.get_by_text("payload").click()
    payload = entries.locator("pre.payload")
    expect(payload).to_be_visible()
    expect(payload).to_contain_text(f'"flag": "{KEY}"')

    page.locator("#in-force").get_by_role("link").first.click()
    page.locator("#searchbar").fill("digest")
    page.get_by_role("button", name="Search").click()
    expect(entries).to_have_count(1)
    expect(page.locator("#content")).to_contain_text("email_digest_weekly")


def test_the_timeline_tells_its_story_to_who_cannot_see_it(visit, console):
    page = visit.signed_in()
    toggle(page, KEY).click()
    expect_row(page, KEY, "on", "db")
    page.goto(f"{FLAGS}/{KEY}")
    picture = page.get_by_role("img", name=f"Timeline of {KEY}")
    expect(picture).to_be_visible()
    assert "staging: on since" in picture.locator("desc").text_content()
