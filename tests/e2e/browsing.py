"""The operator's side: browser windows of one test, and what is done on the console's pages."""

import re
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from accounts.management.commands.demo_operators import DEMO

FLAGS = "/console/flags"
# No transitions: what is measured and pictured is what a page comes to rest at.
STILL = """
const still = new CSSStyleSheet();
still.replaceSync(`
  *, *::before, *::after { transition: none !important; animation: none !important }
`);
document.adoptedStyleSheets = [still];
"""
# Chromium says so itself, but for those that belong to no document of the console's own.
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", event => console.error(
    `CSP violation: ${event.violatedDirective} by ${event.blockedURI} ${event.sample}`));
"""


@dataclass
class Visit:
    """The browser windows of one test, and every error that they told of."""

    browser: Browser
    url: str
    told: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    tolerated: list[str] = field(default_factory=list)

    def context(self, **options: Any) -> BrowserContext:
        """A new browser profile (tabs of one context share its cookies)."""
        # The server's certificate is made for the test run: no browser knows who signed it.
        options = {
            "base_url": self.url,
            "reduced_motion": "reduce",
            "ignore_https_errors": True,
            **options,
        }
        context = self.browser.new_context(**options)
        context.set_default_timeout(10_000)
        context.add_init_script(STILL)
        context.add_init_script(TELL_VIOLATIONS)
        context.on("weberror", lambda error: self.told.append(f"uncaught: {error.error}"))
        context.on("console", self._hear)
        return context

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.told.append(f"{message.text} ({message.location.get('url')})")

    def signed_in(self, name: str = "alice", **options: Any) -> Page:
        """A new profile whose first tab shows the flags page to this operator.

        The login page is fetched and posted, not drawn: `sign_in` is for the journeys of its own.
        """
        context = self.context(**options)
        login = context.request.get(f"/console/login?next={FLAGS}")
        [token] = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', login.text())
        username, password = name, DEMO[name][1]
        form = {"csrfmiddlewaretoken": token, "username": username, "password": password}
        answer = context.request.post(
            login.url, form=form, headers={"Referer": login.url}, max_redirects=0
        )
        assert (answer.status, answer.headers["location"]) == (302, FLAGS)
        page = context.new_page()
        page.goto(FLAGS)
        expect(page.locator("#user-tools")).to_contain_text(name, ignore_case=True)
        return page

    def expects(self, *parts: str) -> None:
        """Errors with these texts belong to this journey: each must come, and no other may."""
        self.expected.extend(parts)

    def tolerates(self, *parts: str) -> None:
        """Errors with these texts are no more than htmx's own echo of an expected one."""
        self.tolerated.extend(parts)

    def end(self) -> None:
        """Close the windows; fails where an error came that was not expected, or one did not."""
        for context in self.browser.contexts:
            context.close()
        known = self.expected + self.tolerated
        unexpected = [text for text in self.told if not any(part in text for part in known)]
        missed = [part for part in self.expected if not any(part in text for text in self.told)]
        assert not unexpected, f"the browser told of errors: {unexpected}"
        assert not missed, f"the browser did not tell of {missed}"


def sign_in(page: Page, name: str = "alice") -> None:
    """Fill in and send the sign-in form that the page shows."""
    _, password = DEMO[name]
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#user-tools")).to_contain_text(name, ignore_case=True)


def row(page: Page, key: str) -> Locator:
    return page.locator(f"#flag-{key}")


def toggle(page: Page, key: str, env: str = "staging") -> Locator:
    """The flag's toggle as assistive technology finds it."""
    return page.get_by_role("button", name=f"{key} in {env}", exact=True)


def expect_row(page: Page, key: str, value: str, source: str, env: str = "staging") -> None:
    """The row and its toggle say this value, from this layer."""
    shown = row(page, key)
    expect(shown).to_have_attribute("data-value", value)
    expect(shown).to_have_attribute("data-source", source)
    expect(shown).to_have_attribute("data-env", env)
    pressed = "true" if value == "on" else "false"
    expect(toggle(page, key, env)).to_have_attribute("aria-pressed", pressed)


def expect_said(place: Locator, text: Any) -> None:
    """The operator can read it without scrolling."""
    said = place.get_by_text(text)
    expect(said).to_be_visible()
    expect(said).to_be_in_viewport()


def switch_to(page: Page, env: str) -> None:
    page.get_by_role("button", name=f"Switch to {env}").click()
    expect(page.locator("#env-banner")).to_have_attribute("data-env", env)


def expect_dialog(page: Page) -> Locator:
    """The dialog over the page, which is open."""
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("heading")).to_be_visible()
    return dialog


def not_now(page: Page) -> None:
    """Leave the dialog without doing anything."""
    dialog = expect_dialog(page)
    dialog.get_by_role("button", name="Not now").click()
    expect(dialog).to_be_hidden()


def run_action(page: Page, action: str) -> None:
    """Choose an admin action for the selected flags; its confirmation page opens."""
    page.locator("select[name=action]").select_option(label=action)
    page.get_by_role("button", name="Go").click()
    expect(page.locator("#confirm-flips")).to_be_attached()


def mark(page: Page) -> None:
    """Leave a mark on the document, which a page load would wipe away."""
    page.evaluate("window.markOfTheTest = true")


def is_marked(page: Page) -> bool:
    return page.evaluate("window.markOfTheTest === true")
