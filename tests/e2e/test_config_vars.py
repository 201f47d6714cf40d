"""The page of config vars in a browser: it fits its window, can be read, and can be copied from."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import FLAGS, Visit
from tests.e2e.test_looks import CONTRASTS, READABLE

PAGE = "/console/config-vars"
# One variable in each state, as two weeks of releases, imports and flips leave them.
PREPARE = """
from datetime import timedelta
from django.utils import timezone
from accounts.models import User
from audit.actor import Actor, Channel
from flags.config_vars import SWITCH_KEY
from flags.heroku.reports import take
from flags.services import flip
from flags.state import read_state

now = timezone.now()
alice = Actor(Channel.CONSOLE, "alice", User.objects.get(username="alice"), True)

def told(app, env, hours, found, imported=False, switch=True):
    found = found | ({SWITCH_KEY: True} if switch else {})
    at = now - timedelta(hours=hours, minutes=5)
    take(app, env, found, imported=imported, actor=alice, now=at)

def pinned(key, hours, *envs):
    for env in envs:
        at = now - timedelta(hours=hours)
        flip(key, env, True, actor=alice, seen=read_state(key, env).seen, now=at)

BILLING, NOTES, EXPORTS = "console_billing", "console_customer_notes", "raptor_async_exports"
SEARCH, DIGEST = "console_order_search_v2", "email_digest_weekly"
GONE, LOOKUP = "gone_long_ago", "checkout_address_lookup"
everything = dict.fromkeys([BILLING, NOTES, EXPORTS, SEARCH, DIGEST, LOOKUP, GONE], True)
told("raxx-console-staging", "staging", 200, {BILLING: True, DIGEST: None})
told("raxx-console-prod", "prod", 200, everything)
told("raxx-console-prod", "prod", 20, {k: v for k, v in everything.items() if k != LOOKUP})
told("raxx-api-prod", "prod", 30, {BILLING: True}, imported=True)
pinned(BILLING, 100, "prod", "staging")
pinned(NOTES, 100, "prod", "staging")
pinned(EXPORTS, 7, "prod", "staging")
pinned(SEARCH, 7, "prod")
"""
WATCHED = (
    "#config-vars .badge, #config-vars .fact, #config-vars .shadow, #config-vars td,"
    " pre.commands, .apps td, .apps code, #strays ~ ul code, #config-vars a"
)


@pytest.fixture(scope="module")
def reported(template, tmp_path_factory):
    deployment = template.copy(tmp_path_factory.mktemp("reported"), FLAG_OLD_NAME="1")
    deployment.run(PREPARE)
    with deployment.served() as url:
        yield url


@pytest.fixture
def look(browser, reported):
    """A console whose apps reported; it must end without an error in the browser."""
    visit = Visit(browser, reported)
    yield visit
    visit.end()


def state_of(page: Page, var: str, app: str = "raxx-console-prod") -> str | None:
    row = page.locator(f'tr[data-config-var="{var}"][data-app="{app}"]')
    return row.get_attribute("data-state")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_state_is_there_and_can_be_read_in_both_themes(look, scheme):
    page = look.signed_in(color_scheme=scheme)
    page.get_by_role("link", name="Config vars").first.click()
    expect(page).to_have_url(f"{look.url}{PAGE}")
    states = page.locator("tr[data-config-var]").evaluate_all(
        "rows => rows.map(r => r.dataset.state)"
    )
    assert set(states) == {"stray", "active", "dormant", "soaking", "soaked", "ready", "removed"}
    contrasts = page.evaluate(CONTRASTS, WATCHED)
    assert len(contrasts) > 40
    assert [each for each in contrasts if each[1] < READABLE] == []


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1280])
def test_it_does_not_scroll_sideways(look, width):
    page = look.signed_in(viewport={"width": width, "height": 844})
    for address in (PAGE, f"{FLAGS}/console_billing"):
        page.goto(address)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert (address, wide) == (address, width)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_removal_commands_can_be_taken_as_they_are(look, width):
    page = look.signed_in(viewport={"width": width, "height": 844})
    page.goto(PAGE)
    commands = page.locator("#removals pre.commands")
    commands.evaluate("element => getSelection().selectAllChildren(element)")
    assert page.evaluate("getSelection().toString()").strip().splitlines() == [
        "heroku config:unset FLAG_CONSOLE_BILLING FLAG_CONSOLE_CUSTOMER_NOTES"
        " --app raxx-console-prod >/dev/null 2>&1",
        "heroku config:unset FLAG_CONSOLE_BILLING --app raxx-console-staging >/dev/null 2>&1",
    ]
    assert state_of(page, "FLAG_CONSOLE_BILLING") == "ready"
