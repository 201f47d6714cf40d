"""The content security policy, and that no page has anything in it that the policy forbids."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.codes import elevated_client
from tests.conftest import client_of
from tests.pages import FLAGS, HIGH
from tests.raxxconsole.test_headers import ALL, PAGES, ROUTER, answer

__all__ = ["answer"]  # a fixture
ROOT = Path(__file__).resolve().parent.parent.parent
HEADER = "Content-Security-Policy"
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
ADDRESSES = ("href", "src", "action", "formaction", "hx-get", "hx-post", "data", "poster", "srcset")
# What this site serves itself: a path, a query, a place on the page, an anchor's ..
OUR_OWN = re.compile(r"(/(?!/)|[?#.]|$)")
BANNED = ("base", "object", "embed", "iframe", "frame", "applet")


class Forbidden(HTMLParser):
    """Collects what the policy would block, or what would get around it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._inside = tag if tag in ("script", "style") else ""
        if tag in BANNED or tag == "style" or (tag == "script" and "src" not in given):
            self.found.append(f"<{tag}>")
        if tag == "meta" and "http-equiv" in given:
            self.found.append(f"<meta http-equiv={given['http-equiv']}>")
        for name, value in given.items():
            if name == "style" or name.startswith(("on", "hx-on", "hx-vars")):
                self.found.append(f"<{tag} {name}>")
            if name in ADDRESSES and not OUR_OWN.match(value):
                self.found.append(f"<{tag} {name}={value[:60]}>")
            if name.startswith("hx-") and value.strip().startswith(("js:", "javascript:")):
                self.found.append(f"<{tag} {name}={value[:60]}>")
            if name == "hx-trigger" and "[" in value:
                self.found.append(f"<{tag} hx-trigger={value}>")

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.found.append(f"text in <{self._inside}>")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


def test_every_answer_has_the_very_policy_and_nothing_that_it_forbids(answer):
    for name in ALL:
        with answer(name) as response:
            policy = dict(part.strip().split(" ", 1) for part in response[HEADER].split(";"))
            assert policy == POLICY, name
            assert f"{HEADER}-Report-Only" not in response, name
            if response["Content-Type"].startswith("text/html"):
                assert Forbidden(response.content.decode()).found == [], name


def test_a_page_has_nothing_of_it_and_loads_the_same_for_who_is_not_elevated(superadmin, ops):
    def loaded(html: str) -> set[str]:
        return set(re.findall(r'<(?:script|link)[^>]*(?:src|href)="([^"]*)"', html))

    client, plain = client_of(superadmin), {}
    for page in PAGES:
        response = client.get(page)
        plain[page] = response.content.decode()
        assert response.status_code == 200, page
        assert Forbidden(plain[page]).found == [], page
    # With a device some pages ask who is not elevated for a code.
    elevated = elevated_client(superadmin, headers=ROUTER)
    for page, html in plain.items():
        assert loaded(html) == loaded(elevated.get(page).content.decode()), page
        for address in loaded(html):
            assert address.startswith(("/static/", "/console/jsi18n/")), page


@pytest.mark.parametrize("page", ["/console/", FLAGS, f"{FLAGS}/{HIGH}", "/console/login"])
def test_htmx_is_told_to_evaluate_nothing_and_to_write_no_style(superadmin, client, page):
    client = client if page == "/console/login" else client_of(superadmin)
    html = client.get(page).content.decode()
    [config] = re.findall(r"<meta name=\"htmx-config\" content='([^']*)'>", html)
    assert '"allowEval":false' in config
    assert '"includeIndicatorStyles":false' in config


@pytest.mark.parametrize("path", [*ROOT.glob("static/console/*.js")], ids=lambda path: path.name)
def test_our_script_needs_no_eval_and_writes_no_html(path):
    banned = (
        r"\beval\b|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\.style\b"
    )
    assert not re.search(banned, path.read_text())


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<p onclick='x()'>",
        "<p style='color: red'>",
        "<style>p {}</style>",
        "<a href='javascript:x()'>",
        "<img src='https://evil.example/x'>",
        "<img src='//evil.example/x'>",
        "<img src='data:image/png;base64,'>",
        "<base href='/'>",
        "<meta http-equiv='refresh' content='0'>",
        "<p hx-on:click='x()'>",
        "<p hx-vals='js:{a: 1}'>",
        "<p hx-trigger='click[x()]'>",
    ],
)
def test_what_is_forbidden_is_found(html):
    assert Forbidden(html).found


@pytest.mark.parametrize(
    "html",
    ["<script src='/static/x.js'></script>", "<a href='?o=1'>", "<a href='#x'>", "<a href='.'>"],
)
def test_what_is_allowed_is_not(html):
    assert Forbidden(html).found == []
