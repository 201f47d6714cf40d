"""Every page of the console, elevated and not, in both themes: no violation of the CSP, no error.

`visit` fails a test whose pages told of either.
"""

import pytest
from django.urls import URLPattern, get_resolver
from playwright.sync_api import expect

from tests.e2e.browsing import FLAGS, sign_in
from tests.e2e.codes import elevate
from tests.e2e.promoting import entered

# What stands for the variable parts of an address.
NAMES = {"<str:key>": "checkout_express", "<str:name>": "bob", "<int:pk>": "1"}
NO_PAGES = {
    *("console/logout", "console/env", "console/elevate/drop", "console/account/end-sessions"),
    *("console/account/recovery-codes", "console/account/devices/<int:pk>/remove"),
    *(f"console/users/<str:name>/{verb}" for verb in ("role", "activate", "deactivate")),
    *("console/users/<str:name>/end-sessions", "console/flags/<str:key>/flip"),
    *("console/flags/<str:key>/reconcile", "console/jsi18n/", "healthz", "readyz"),
    "console/break-glass/<int:pk>/acknowledge",
    "console/flags/<str:key>/mark-promote",
    *("ofrep/", "ofrep/v1/evaluate/flags"),
    *(f"console/promotions/<int:pk>/{verb}" for verb in ("approve", "promote", "reject")),
}
QUERIES = {"console/flags/<str:key>/offer": "?to=on&env=staging&seen=yaml::0"}


def addresses(resolver, prefix: str = "") -> list[str]:
    found = []
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        found += [route] if isinstance(pattern, URLPattern) else addresses(pattern, route)
    return found


def pages() -> list[str]:
    """The address of each page, once, as a browser would go to it."""
    found = []
    for route in addresses(get_resolver()):
        if route in NO_PAGES or "(?P" in route:
            continue
        path = route
        for variable, name in NAMES.items():
            path = path.replace(variable, name)
        found.append(f"/{path}{QUERIES.get(route, '')}")
    return found


def test_there_are_as_many_pages_as_there_should_be():
    assert len(pages()) >= 15
    assert {f"{FLAGS}", "/console/account/enrol", "/console/users/bob"} <= set(pages())


@pytest.mark.parametrize(
    ("elevated", "loaded", "turned"),
    [(False, "light", "dark"), (True, "dark", "light")],
    ids=["plain", "elevated"],
)
def test_no_page_breaks_the_policy(visit, console, elevated, loaded, turned):
    """Loaded in one theme, and turned to the other as it stands."""
    entered(console, "checkout_express")  # the promotion 1, with all of its steps open
    console.query(
        "INSERT INTO console_service_tokens (id, name, env, app, secret_hash, hint, created_at)"
        " VALUES (1, 'reads', 'staging', 'raptor', 'hash', 'hint', CURRENT_TIMESTAMP)"
    )
    page = visit.context(color_scheme=loaded).new_page()
    page.goto(FLAGS)
    sign_in(page)
    if elevated:
        elevate(page, console)
    else:
        visit.expects("status of 403")  # enrolling a second device
    for address in pages():
        page.goto(address)
        expect(page.locator("h1").first).to_be_visible()
        for summary in page.locator("summary:visible").all():
            summary.click()
        for scheme in (turned, loaded):
            page.emulate_media(color_scheme=scheme)
            # Drawn in it: whatever that fetches is fetched.
            page.evaluate("() => new Promise(drawn => requestAnimationFrame(drawn))")
            assert page.evaluate("s => matchMedia(`(prefers-color-scheme: ${s})`).matches", scheme)


def test_the_pages_of_an_enrolment_do_not_break_it_either(visit, console):
    console.query("DELETE FROM otp_totp_totpdevice")
    page = visit.signed_in("bob")
    page.goto("/console/account/enrol")
    page.get_by_label("Password").fill("correct-horse-bob")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".qr-code svg")).to_be_visible()


@pytest.mark.parametrize("address", ["/console/nowhere", f"{FLAGS}/no_such_flag"])
def test_nor_does_an_error_page(visit, address):
    visit.expects("status of 404")
    page = visit.signed_in()
    page.goto(address)
    expect(page.get_by_role("alert")).to_be_visible()


@pytest.mark.parametrize(
    "hack",
    [
        "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))",
        "document.body.setAttribute('style', 'color: red')",
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')",
        "document.body.append(Object.assign(new Image(), {src: 'https://127.0.0.1:1/x.png'}))",
        "fetch('https://127.0.0.1:1/').catch(() => 0)",
    ],
)
def test_a_violation_would_be_told(visit, hack):
    visit.expects("CSP violation")
    visit.tolerates("Content Security Policy", "status of 404", "Failed to load resource")
    page = visit.signed_in()
    page.evaluate(f"() => {{ {hack} }}")
    page.wait_for_timeout(200)
