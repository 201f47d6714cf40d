"""A service token's life in a browser: made, shown once, revoked; without a script, on a phone."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import sign_in
from tests.e2e.codes import code_of, elevate, give
from tests.e2e.test_looks import CONTRASTS, READABLE

TOKENS = "/console/service-tokens"
PHONE = {"width": 390, "height": 844}
WATCHED = "#service-tokens :is(th, td, .fact, .button), #new-token :is(label, .helptext, .quiet)"


def row(page, name: str):
    return page.locator(f'[data-token="{name}"]')


def test_made_shown_once_and_revoked_without_a_script_on_a_phone(visit, console):
    page = visit.context(java_script_enabled=False, viewport=PHONE).new_page()
    page.goto(TOKENS)
    sign_in(page)
    expect(page.get_by_role("button", name="Make the token")).to_be_disabled()
    page.get_by_role("link", name="elevate").click()
    give(page, code_of(console, "alice"))
    expect(page).to_have_url(re.compile(f"{TOKENS}$"))

    page.get_by_label("Name").fill("raptor-reads-flags")
    page.get_by_label("App that gets it").fill("raptor-staging")
    page.get_by_role("button", name="Make the token").click()
    secret = page.locator("#token-secret").inner_text()
    assert re.fullmatch(r"raxx_st_[0-9a-f]{64}", secret)
    page.get_by_role("link", name="I have kept it").click()
    expect(row(page, "raptor-reads-flags")).to_contain_text(f"ends in {secret[-4:]}")
    assert secret not in page.content()

    row(page, "raptor-reads-flags").get_by_role("link", name="Revoke").click()
    expect(page.get_by_role("heading", name="Revoke raptor-reads-flags?")).to_be_visible()
    page.get_by_role("link", name="Not now").click()
    expect(row(page, "raptor-reads-flags")).to_have_attribute("data-state", "live")
    row(page, "raptor-reads-flags").get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke raptor-reads-flags").click()
    expect(row(page, "raptor-reads-flags")).to_have_attribute("data-state", "revoked")
    expect(page.locator(".messagelist")).to_contain_text("is revoked")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_read_in_both_themes(visit, console, scheme):
    for number, over in ((1, "NULL"), (2, "CURRENT_TIMESTAMP")):
        console.query(
            "INSERT INTO console_service_tokens"
            " (name, env, app, secret_hash, hint, created_at, revoked_at) VALUES"
            f" (?, 'prod', ?, ?, 'beef', CURRENT_TIMESTAMP, {over})",
            *("a-name-of-" + "sixty-four-" * 4, "an-app-of-" + "a-hundred-" * 8, str(number)),
        )
    page = visit.context(color_scheme=scheme, viewport=PHONE).new_page()
    page.goto(TOKENS)
    sign_in(page)
    elevate(page, console)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    poor = [each for each in page.evaluate(CONTRASTS, WATCHED) if each[1] < READABLE]
    assert poor == []
