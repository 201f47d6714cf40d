"""Real server processes and a real Chromium for the browser tests."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e.browsing import Visit
from tests.e2e.deployment import Deployment, prepare
from tests.legs import chromium

# The popups of the address bar, which Chromium draws beforehand for each window, seen or not.
# Of two such lists it heeds the last: what Playwright's own has for Linux is repeated.
_WITHOUT = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup"),
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades"),
    *("HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding"),
    *("ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints"),
    *("NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch"),
)
_ARGUMENTS = (
    f"--disable-features={','.join(_WITHOUT)}",
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
    # A page drawn piece by piece has other edges in each run: the pictures would differ.
    "--disable-partial-raster",
)
expect.set_options(timeout=10_000)


# Of the package, not of the session: Playwright leaves an event loop in the main thread until it is
# stopped, and the ORM refuses to work in a thread that has one.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    executable = chromium()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def template(tmp_path_factory) -> Deployment:
    """Prepared once, never served: what every test starts from."""
    return prepare(tmp_path_factory.mktemp("console"))


@dataclass(frozen=True)
class Served:
    deployment: Deployment
    url: str


@pytest.fixture(scope="package")
def served(template, tmp_path_factory) -> Iterator[Served]:
    deployment = template.copy(tmp_path_factory.mktemp("served"))
    with deployment.served() as url:
        yield Served(deployment, url)


@pytest.fixture
def console(served, template) -> Deployment:
    """The console that the browser visits, its data as prepared."""
    served.deployment.restore(template)
    return served.deployment


@pytest.fixture
def visit(browser, served, console) -> Iterator[Visit]:
    """The browser. Whatever the journey, it must end without an error that was not foretold."""
    visit = Visit(browser, served.url)
    yield visit
    visit.end()
