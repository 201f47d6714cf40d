"""The operator's authenticator app: codes of the secrets that pages and databases hold."""

import base64
import time

from django_otp.oath import TOTP
from playwright.sync_api import Locator, Page, expect

from tests.e2e.deployment import Deployment


def app_code(secret: str, *, ahead: int = 0) -> str:
    """What the app shows for a Base32 secret now, or so many steps ahead."""
    clock = TOTP(base64.b32decode(secret.replace(" ", "")))
    clock.time = time.time() + ahead * clock.step
    return f"{clock.token():06d}"


def code_of(console: Deployment, name: str) -> str:
    """A code of this operator's that was not used before, whatever was."""
    console.query("UPDATE otp_totp_totpdevice SET last_t = -1")
    [(key,)] = console.query(
        "SELECT key FROM otp_totp_totpdevice JOIN accounts_user u ON u.id = user_id"
        " WHERE username = ? AND confirmed",
        name,
    )
    return app_code(base64.b32encode(bytes.fromhex(key)).decode())


def give(place: Page | Locator, code: str) -> None:
    """Type a code into the form that the page or dialog shows, and send it."""
    place.get_by_label("Code", exact=True).fill(code)
    place.get_by_role("button", name="Elevate", exact=True).click()


def elevate(page: Page, console: Deployment, name: str = "alice") -> None:
    """Elevate on the page of its own, and come back to where the page was."""
    here = page.evaluate("location.pathname + location.search")
    page.goto(f"/console/elevate?next={here}")
    give(page, code_of(console, name))
    expect_elevated(page)


def expect_elevated(page: Page) -> None:
    expect(page.locator("#elevation .elevated")).to_contain_text("left")
