"""The pictures of the README, made from one prepared state."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import Visit, expect_dialog, expect_row, switch_to, toggle
from tests.processes.server import ROOT

IMAGES = ROOT / "docs" / "images"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

# Some hours ago, so that the pictures say the same in every run: ages are words of the page.
PREPARE = """
from datetime import timedelta
from django.utils import timezone
from accounts.models import User
from audit.actor import Actor, Channel
from flags.services import flip
from flags.state import read_state
from promotions.marking import mark

def flipped(name, key, env, value, hours):
    actor = Actor(Channel.CONSOLE, name, User.objects.get(username=name))
    now = timezone.now() - timedelta(hours=hours, minutes=5)
    flip(key, env, value, actor=actor, seen=read_state(key, env).seen, now=now)

flipped("alice", "raptor_async_exports", "staging", True, 70)
flipped("alice", "raptor_async_exports", "prod", True, 46)
flipped("alice", "console_billing", "staging", True, 20)
flipped("bob", "console_order_search_v2", "staging", False, 6)
flipped("bob", "email_digest_weekly", "prod", True, 5)
flipped("alice", "checkout_address_lookup", "staging", True, 30)

# One that is due, and one that soaks.
alice = Actor(Channel.CONSOLE, "alice", User.objects.get(username="alice"))
for key, hours in ("checkout_address_lookup", 25), ("console_billing", 17.5):
    mark(key, actor=alice, now=timezone.now() - timedelta(hours=hours))
"""


@pytest.fixture(scope="module")
def pictured(template, tmp_path_factory):
    """Flags flipped by two operators, a config var that wins, and one that a row has shadowed."""
    deployment = template.copy(
        tmp_path_factory.mktemp("pictured"),
        FLAG_CONSOLE_ORDER_SEARCH_V2="1",
        FLAG_CONSOLE_CUSTOMER_NOTES="0",
    )
    deployment.run(PREPARE)
    with deployment.served() as url:
        yield url


@pytest.mark.parametrize(
    ("name", "env", "options"),
    [
        ("desktop", "staging", {"viewport": DESKTOP}),
        ("phone", "staging", {"viewport": PHONE}),
        ("prod", "prod", {"viewport": DESKTOP}),
        ("dark", "staging", {"viewport": DESKTOP, "color_scheme": "dark"}),
    ],
)
def test_a_picture_of_the_flags_page(browser, pictured, name, env, options):
    visit = Visit(browser, pictured)
    page = visit.signed_in(**options)
    if env != "staging":
        switch_to(page, env)
    page.mouse.move(0, 0)  # off the button that was clicked: no hover in the picture
    expect_row(page, "raptor_async_exports", "on", "db", env=env)
    expect(page.locator("#flag-raptor_async_exports")).to_contain_text("alice")
    picture = page.screenshot(animations="disabled", caret="hide")
    assert _size(picture) == options["viewport"]
    _keep(IMAGES / f"flags-{name}.png", picture)
    visit.end()


def test_a_picture_of_the_dialog(browser, pictured):
    visit = Visit(browser, pictured)
    visit.expects("status of 403")
    page = visit.signed_in(viewport=PHONE)
    toggle(page, "checkout_express").click()
    expect_dialog(page)
    page.mouse.move(0, 0)
    _keep(IMAGES / "elevation-phone.png", page.screenshot(animations="disabled", caret="hide"))
    visit.end()


def _size(picture: bytes) -> dict[str, int]:
    """Width and height, from the PNG's header."""
    return {
        "width": int.from_bytes(picture[16:20], "big"),
        "height": int.from_bytes(picture[20:24], "big"),
    }


def _keep(path: Path, picture: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture)
