"""Text from outside is text on every page: descriptions, names, reasons, incidents, searches."""

import io
import json
from html.parser import HTMLParser
from itertools import product

import pytest
from django.core.management import call_command
from django.utils.http import urlencode

from accounts.roles import Role
from flags import runtime
from tests.codes import elevated_client
from tests.conftest import client_of, declare_both, make_user
from tests.flags.test_bulk import pick
from tests.pages import FLAGS, HTMX, flip_form, flip_url
from tests.raxxconsole.test_csp import Forbidden

KEY, RLO = "hostile_flag", "\u202e"
HOSTILE = {
    "script": "<script>alert(1)</script>",
    "image": "<img src=x onerror=alert(1)>",
    "end of all": '</td></tr></table></form></p></textarea></title><svg onload="alert(1)">',
    "double quotes": '" autofocus onfocus="alert(1)" x="',
    "single quotes": "' onmouseover='alert(1)' x='",
    "entity": "&lt;script&gt; &#60;b&#62; &quot;",
    "comment": "--><script>alert(1)</script><!--",
    "variable": "{{ 7|add:42 }} {{ request.user.password }} {{ settings.SECRET_KEY }}",
    "tag": "{% load static %}{% debug %}{# gone #}",
    "format": "%s %(path)s {actor} {0.__class__}",
    "10 kB": "<b>" * 3_400,
    "right to left": f"{RLO}ffo si siht{RLO} off \u2067x\u2066",
}
TEXTS = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
# What a column of 150 characters takes, and an address too.
NAMES = pytest.mark.parametrize(
    "name", ["<script>alert(1)<b>", '" onfocus="alert(1)" x=\'', "{{ 7|add:42 }}&lt;b&gt;"]
)


class Shown(HTMLParser):
    """The text of a page as its reader sees it, and the values of all attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.attributes: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def is_inert(response, text: str, status: int = 200, *, shown: bool = True) -> None:
    html = response.content.decode()
    assert response.status_code == status
    assert Forbidden(html).found == []
    assert (text in Shown(html).text) is shown


@pytest.fixture
def describe(settings, tmp_path, db):
    """Declare the flag with this description, as the release phase does."""

    def describe_(text: str, risk: str = "high") -> None:
        settings.FEATURE_FLAGS_FILE = tmp_path / "flags.yaml"
        # JSON is YAML, but for the surrogates.
        declared = json.dumps({"default": False, "risk": risk, "description": text})
        settings.FEATURE_FLAGS_FILE.write_text(f"{KEY}: {declared}\n")
        declare_both()
        assert runtime.declared()[KEY].description == text

    return describe_


@TEXTS
@pytest.mark.parametrize("env", ["staging", "prod"])
def test_a_description_is_text_on_the_pages_of_its_flag(describe, text, env):
    describe(text)
    client = elevated_client(make_user("alice", Role.SUPERADMIN))
    client.post("/console/env", {"env": env})
    offer = f"{FLAGS}/{KEY}/offer?{urlencode(flip_form(KEY, env=env))}"
    is_inert(client.get(FLAGS), text)
    is_inert(client.get(f"{FLAGS}/{KEY}"), text)
    is_inert(client.get(offer), text, shown=False)
    is_inert(client.get(offer, headers=HTMX), text, shown=False)
    is_inert(pick(client, KEY), text, shown=False)
    is_inert(client.post(flip_url(KEY), flip_form(KEY, env=env), headers=HTMX), text)


@TEXTS
def test_a_description_is_text_in_the_row_of_a_refused_flip(describe, text):
    describe(text)
    for who, status in ((Role.SUPERADMIN, 403), (Role.OPS, 403)):
        client = client_of(make_user(f"the-{who}", who))
        response = client.post(flip_url(KEY), flip_form(KEY), headers=HTMX)
        is_inert(response, text, status)
        is_inert(client.post(flip_url(KEY), flip_form(KEY)), text, status, shown=False)


@TEXTS
def test_a_description_is_found_and_its_words_stay_in_the_search_field(describe, text):
    describe(text)
    word = text[:500]
    page = client_of(make_user("bob", Role.OPS)).get(FLAGS, {"q": word})
    assert Forbidden(page.content.decode()).found == []
    assert word in Shown(page.content.decode()).attributes


@pytest.mark.parametrize("page", [FLAGS, "/console/audit", "/console/users"])
def test_what_is_searched_for_is_text(superadmin, page):
    client = client_of(superadmin)
    for name, text in HOSTILE.items():
        html = client.get(page, {"q": text[:500]}).content.decode()
        assert Forbidden(html).found == [], name


def test_a_description_with_marks_of_direction_is_alone_in_its_element(describe):
    describe(HOSTILE["right to left"])
    client = client_of(make_user("bob", Role.OPS))
    row = client.get(FLAGS).content.decode()
    page = client.get(f"{FLAGS}/{KEY}").content.decode()
    assert f'<span class="flag-description">{HOSTILE["right to left"]}</span>' in row
    assert f"<p>{HOSTILE['right to left']}</p>" in page


def as_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def emergency(text: str) -> None:
    options = [f"--reason={text}", f"--incident={text[:200]}", "--as", "alice", "--break-glass"]
    arguments = ["flag_flip", "checkout_express", "on", "--env", "staging", *options]
    call_command(*arguments, stdout=io.StringIO())


@TEXTS
def test_a_reason_and_an_incident_are_text_in_warning_history_and_log(superadmin, text):
    emergency(text)
    client = client_of(superadmin)
    kept, incident = text.strip(), text[:200].strip()
    is_inert(client.get(FLAGS), f"incident {incident}.")
    is_inert(client.get(f"{FLAGS}/checkout_express"), f"— {kept} ({incident})")
    # The log may write marks of direction as escapes.
    is_inert(client.get("/console/audit"), as_json(kept) if kept.isprintable() else "")
    attributes = Shown(client.get(FLAGS).content.decode()).attributes
    acknowledge = next(value for value in attributes if value.endswith("/acknowledge"))
    is_inert(client.post(acknowledge, follow=True), incident, shown=False)
    is_inert(client.get("/console/audit"), "by break-glass")


@pytest.mark.parametrize("page", [FLAGS, f"{FLAGS}/checkout_express", "/console/audit"])
def test_marks_of_direction_in_a_reason_or_an_incident_do_not_turn_what_follows(superadmin, page):
    text = f"{RLO}fire"
    emergency(text)
    html = client_of(superadmin).get(page).content.decode()
    assert html.count(RLO) == html.count(f"<bdi>{text}</bdi>")


@NAMES
def test_a_name_is_text_on_every_page_that_names_an_operator(superadmin, name):
    hostile = make_user(name, Role.SUPERADMIN)
    client, theirs = elevated_client(superadmin), elevated_client(hostile)
    theirs.post(flip_url(), flip_form())
    arguments = ["flag_flip", "checkout_express", "on", "--env", "staging", "--reason", "x"]
    options = ["--as", name, "--break-glass", "--incident", "INC-1"]
    call_command(*arguments, *options, stdout=io.StringIO())
    for page in ("/console/", "/console/account", FLAGS, "/console/audit", "/console/users"):
        is_inert(theirs.get(page), name)
    for page in (FLAGS, f"{FLAGS}/console_billing", "/console/audit", "/console/users"):
        is_inert(client.get(page), name)
    links = Shown(client.get("/console/users").content.decode()).attributes
    [own] = [link for link in links if link.startswith("/console/users/%")]
    is_inert(client.get(own), name)
    is_inert(client.post(f"{own}/role", {"role": "ops"}, follow=True), f"{name} is ops now.")
    form = flip_form() | {"to": "on"}
    is_inert(client.post(flip_url(), form, headers=HTMX), f"({name}, ")


@NAMES
def test_a_failed_sign_in_shows_the_name_in_its_field_alone(db, client, name):
    page = client.post("/console/login", {"username": name, "password": "wrong"})
    html = page.content.decode()
    assert Forbidden(html).found == []
    assert name in Shown(html).attributes
    assert name not in Shown(html).text


def test_an_address_is_text_in_the_answer_that_there_is_nothing_at_it(superadmin):
    client = client_of(superadmin)
    for (name, text), path in product(HOSTILE.items(), ("", "flags/", "users/")):
        page = client.get(f"/console/{path}{text[:200].replace('/', '')}")
        assert page.status_code in (400, 404), (name, path)
        assert Forbidden(page.content.decode()).found == [], (name, path)
