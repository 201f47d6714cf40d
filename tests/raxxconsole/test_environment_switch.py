"""The active environment: its banner on every page, and the switch beside it."""

import re

import pytest

from tests.pages import (
    FLAGS,
    HIGH,
    LOW,
    MEDIUM,
    client_as,
    flip_form,
    flip_url,
    nothing_written,
    rows_of,
    text_of,
)

pytestmark = pytest.mark.usefixtures("declared")
AFAR = [
    "https://evil.example/",
    "//evil.example",
    "javascript:alert(1)",
    "/\\evil.example",
    "http:x",
]


def banner_of(response) -> list[str]:
    """The environments that the page's banners say: exactly one is right."""
    return re.findall(r'id="env-banner"[^>]* data-env="(\w+)"', response.content.decode())


def switch_of(response) -> dict[str, str]:
    """The fields that a click on the banner's switch sends."""
    form = re.search(r'<form class="env-switch".*?</form>', response.content.decode(), re.DOTALL)
    pairs = re.findall(r' name="(next|env)" value="(.*?)"', form.group() if form else "")
    return dict(pairs)


PAGES = [
    ("ops", "GET", "/console/", {}, 200),
    ("support", "GET", "/console/", {}, 200),
    ("ops", "GET", FLAGS, {}, 200),
    ("ops", "GET", f"{FLAGS}?q=nothing+like+it", {}, 200),
    ("ops", "GET", f"{FLAGS}?_popup=1", {}, 200),
    ("ops", "GET", f"{FLAGS}/{LOW}", {}, 200),
    ("ops", "GET", "/console/audit", {}, 200),
    ("ops", "GET", "/console/password_change/", {}, 200),
    ("support", "GET", "/console/account", {}, 200),
    ("support", "GET", "/console/account/enrol", {}, 200),
    ("support", "GET", "/console/elevate", {}, 200),
    ("superadmin", "GET", "/console/users", {}, 200),
    ("superadmin", "GET", "/console/users/the-superadmin", {}, 200),
    ("ops", "GET", "/console/nowhere", {}, 404),
    ("ops", "GET", f"{FLAGS}/no_such_flag", {}, 404),
    ("ops", "GET", flip_url(), {}, 405),
    ("ops", "POST", flip_url(), {"to": "on"}, 400),
    ("ops", "POST", flip_url(MEDIUM), {"to": "on", "env": "staging", "seen": "yaml::0"}, 403),
    ("ops", "POST", flip_url(), {"to": "on", "env": "staging", "seen": "env::1"}, 409),
    ("superadmin", "POST", flip_url(HIGH), {"to": "on", "env": "staging", "seen": "yaml::0"}, 403),
    ("ops", "POST", "/console/env", {"env": "production"}, 400),
    ("support", "GET", FLAGS, {}, 403),
    ("support", "POST", flip_url(), {}, 403),
]
IDS = [f"{method} {path} {status}" for _, method, path, _, status in PAGES]


@pytest.mark.parametrize(("who", "method", "path", "fields", "status"), PAGES, ids=IDS)
def test_the_banner_is_on_every_page_of_who_signed_in(who, method, path, fields, status):
    client = client_as(who)
    response = client.get(path) if method == "GET" else client.post(path, fields)
    assert (response.status_code, banner_of(response)) == (status, ["staging"])


@pytest.mark.parametrize(("who", "method", "path", "fields", "status"), PAGES, ids=IDS)
def test_the_switch_leads_from_every_page_to_a_page(who, method, path, fields, status):
    """A refused flip's page is where "staging is the active environment" makes one click it."""
    client = client_as(who)
    response = client.get(path) if method == "GET" else client.post(path, fields)
    switch = switch_of(response)
    assert switch["env"] == "prod"
    page = client.post("/console/env", switch, follow=True)
    assert page.status_code != 405
    assert banner_of(page) == ["prod"]


def test_the_banner_is_on_the_login_page_and_after_a_wrong_password_without_a_switch():
    client = client_as("anonymous")
    wrong = {"username": "nobody", "password": "wrong"}
    for response in (client.get("/console/login"), client.post("/console/login", wrong)):
        assert banner_of(response) == ["staging"]
        assert switch_of(response) == {}


def test_the_banner_is_on_the_page_after_signing_out_and_of_a_stale_token():
    client = client_as("ops", enforce_csrf_checks=True)
    assert banner_of(client.post(flip_url())) == ["staging"]
    assert banner_of(client_as("superadmin").post("/console/logout")) == ["staging"]


def test_the_banner_is_on_the_confirmation_of_a_bulk_action():
    client = client_as("ops")
    picked = re.findall(
        r'name="_selected_action" value="(\d+)"', client.get(FLAGS).content.decode()
    )
    fields = {"action": "flip_on", "index": "0", "_selected_action": picked[0]}
    assert banner_of(client.post(FLAGS, fields)) == ["staging"]


def test_the_choice_lasts_for_the_session_and_no_longer():
    client = client_as("ops")
    assert {row["data-env"] for row in rows_of(client.get(FLAGS)).values()} == {"staging"}
    response = client.post("/console/env", {"env": "prod", "next": f"{FLAGS}?risk=low"})
    assert response["Location"] == f"{FLAGS}?risk=low"
    for _ in range(2):
        page = client.get(FLAGS)
        assert {row["data-env"] for row in rows_of(page).values()} == {"prod"}
        assert banner_of(page) == ["prod"]
    assert banner_of(client_as("superadmin").get(FLAGS)) == ["staging"]


def test_the_choice_can_be_taken_back():
    client = client_as("ops")
    for env in ("prod", "staging"):
        client.post("/console/env", {"env": env})
        assert banner_of(client.get(FLAGS)) == [env]


@pytest.mark.parametrize("env", ["", "production", "PROD", "prod ", "*", None])
def test_an_unknown_environment_is_400_and_changes_nothing(env):
    client = client_as("ops")
    response = client.post("/console/env", {} if env is None else {"env": env})
    assert response.status_code == 400
    assert "prod or staging" in text_of(response)
    assert banner_of(client.get(FLAGS)) == ["staging"]


@pytest.mark.parametrize("page", AFAR)
def test_the_switch_leads_nowhere_else(page):
    response = client_as("ops").post("/console/env", {"env": "prod", "next": page})
    assert response["Location"] == "/console/"


def test_a_console_of_one_environment_shows_no_switch_and_takes_no_other(settings):
    settings.CONSOLE_ENVIRONMENTS = ("staging",)
    client = client_as("ops")
    assert switch_of(client.get(FLAGS)) == {}
    response = client.post("/console/env", {"env": "prod"})
    assert response.status_code == 409
    assert "does not show prod" in text_of(response)
    assert banner_of(client.get(FLAGS)) == ["staging"]


def test_a_choice_that_this_console_no_longer_serves_falls_back_to_its_own(settings):
    client = client_as("ops")
    client.post("/console/env", {"env": "prod"})
    settings.CONSOLE_ENVIRONMENTS = ("staging",)
    assert banner_of(client.get(FLAGS)) == ["staging"]
    with nothing_written():
        assert client.post(flip_url(), flip_form(env="prod")).status_code == 409


def test_the_banner_says_where_this_console_runs_while_the_other_one_is_active():
    client = client_as("ops")
    client.post("/console/env", {"env": "prod"})
    assert "this console runs in staging" in text_of(client.get(FLAGS))
