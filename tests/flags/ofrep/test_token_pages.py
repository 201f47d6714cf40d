"""The pages of service tokens: /console/service-tokens."""

import re

import pytest

from audit.cli import shell_actor
from flags.models import ServiceToken
from flags.ofrep.tokens import create, revoke
from tests.codes import elevated_client
from tests.conftest import client_of
from tests.pages import nothing_changed, text_of

TOKENS = "/console/service-tokens"
NEW = {"name": "raptor-reads", "env": "staging", "app": "raptor-staging"}


@pytest.fixture
def browser(superadmin):
    return elevated_client(superadmin)


def made(name: str = "there", **told: str) -> ServiceToken:
    return create(name, told.get("env", "staging"), told.get("app", "raptor"), actor=shell_actor())[
        0
    ]


def test_the_secret_is_on_one_page_once_and_nowhere_after_it(browser):
    answer = browser.post(TOKENS, NEW)
    [secret] = re.findall(r"raxx_st_[0-9a-f]{64}", answer.content.decode())
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies.get("messages")
    for page in (TOKENS, "/console/audit", "/console/", f"{TOKENS}/1/revoke"):
        assert secret not in browser.get(page).content.decode()
    assert secret not in str(dict(browser.session))
    assert text_of(browser.get(TOKENS)).count(f"ends in {secret[-4:]}") == 1


def test_the_list_has_what_an_operator_asks_of_a_token(browser, superadmin):
    token = made("old", app="<b>raptor</b>")
    revoke(token, actor=shell_actor())
    browser.post(TOKENS, NEW)
    page = browser.get(TOKENS)
    said = text_of(page)
    assert "by the command line" in said and "by alice" in said and "never" in said
    assert b"<b>raptor</b>" not in page.content
    states = re.findall(
        r'data-token="([\w-]+)" data-env="staging" data-state="(\w+)"', said_of(page)
    )
    assert states == [("raptor-reads", "live"), ("old", "revoked")]
    assert said_of(page).count("/revoke") == 1, "what is revoked is not revoked again"


def said_of(page) -> str:
    return page.content.decode()


def test_a_form_that_is_refused_comes_back_as_it_was_typed_and_says_why(browser):
    browser.post(TOKENS, NEW)
    for form, status, why in (
        (NEW, 409, "has a live token named raptor-reads"),
        (NEW | {"name": "Bad Name"}, 400, "name has 1 to 64"),
        (NEW | {"env": "dev"}, 400, "Choose one of the environments"),
        (NEW | {"name": "x", "app": " "}, 400, "Name the app"),
    ):
        with nothing_changed():
            answer = browser.post(TOKENS, form)
        assert answer.status_code == status
        assert why in text_of(answer)
        assert f'value="{form["name"]}"' in said_of(answer)


def test_without_elevation_the_way_to_it_and_back_is_shown_and_nothing_is_made(superadmin):
    token, browser = made(), client_of(superadmin)
    page = said_of(browser.get(TOKENS))
    assert f"/console/elevate?next={TOKENS}" in page
    assert "disabled>Make the token" in page
    revoking = f"{TOKENS}/{token.pk}/revoke"
    assert f"/console/elevate?next={revoking}" in said_of(browser.get(revoking))
    with nothing_changed():
        for path, form, back in ((TOKENS, NEW, TOKENS), (revoking, {}, revoking)):
            answer = browser.post(path, form)
            assert answer.status_code == 403
            assert f"/console/elevate?next={back}".replace("/", "%2F")[-20:] in said_of(
                answer
            ).replace("/", "%2F")


def test_to_revoke_is_asked_first_and_done_by_a_post(browser):
    token = made()
    revoking = f"{TOKENS}/{token.pk}/revoke"
    with nothing_changed():
        page = text_of(browser.get(revoking))
    assert "Revoke there?" in page and "never used" in page
    answer = browser.post(revoking)
    assert (answer.status_code, answer["Location"]) == (303, TOKENS)
    assert "there of staging is revoked." in text_of(browser.get(TOKENS))
    with nothing_changed():
        browser.post(revoking)
    assert "revoked already" in text_of(browser.get(TOKENS))
    assert "It is revoked already" in text_of(browser.get(revoking))


def test_tokens_of_an_environment_that_is_not_shown_are_not_there(browser, settings):
    token = made(env="prod")
    settings.CONSOLE_ENVIRONMENTS = ("staging",)
    assert "there" not in re.findall(r'data-token="([\w-]+)"', said_of(browser.get(TOKENS)))
    assert browser.get(f"{TOKENS}/{token.pk}/revoke").status_code == 404
    with nothing_changed():
        assert browser.post(TOKENS, NEW | {"env": "prod"}).status_code == 409
        assert browser.post(f"{TOKENS}/{token.pk}/revoke").status_code == 404


@pytest.mark.parametrize("pk", ["0", "99999999999999999999999"])
def test_no_such_token_is_404(browser, pk):
    assert browser.get(f"{TOKENS}/{pk}/revoke").status_code == 404


def test_the_header_leads_there_for_those_who_may(browser, ops):
    assert f'href="{TOKENS}"' in said_of(browser.get("/console/"))
    assert f'href="{TOKENS}"' not in said_of(client_of(ops).get("/console/"))
