"""Signing in and out: who gets in, where to, and that no session is handed on."""

import re

import pytest
from django.conf import settings
from django.test import Client

from accounts.roles import Role
from audit.models import AuditEntry
from flags.models import FeatureFlag
from tests.conftest import PASSWORD, client_of, make_user
from tests.pages import FLAGS, text_of

LOGIN = "/console/login"
AFAR = [
    *("https://evil.example/", "//evil.example/console/", "http:///evil.example"),
    *("javascript:alert(1)", "/\\evil.example", "\\\\evil.example", "ftp://testserver/"),
]


def sign_in(client: Client, name: str = "bob", password: str = PASSWORD, **fields):
    return client.post(LOGIN, {"username": name, "password": password, **fields})


def is_signed_in(client: Client) -> bool:
    return client.get("/console/").status_code == 200


@pytest.mark.parametrize("role", Role)
def test_every_role_signs_in_with_name_and_password(declared, role):
    make_user("erin", role)
    client = Client()
    response = sign_in(client, "erin")
    assert (response.status_code, response["Location"]) == (302, "/console/")
    assert is_signed_in(client)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("bob", "wrong"),
        ("bob", ""),
        ("", PASSWORD),
        ("nobody", PASSWORD),
        ("bob\0", PASSWORD),
        ("bob' OR '1'='1", PASSWORD),
        ("BOB", PASSWORD),
    ],
)
def test_a_wrong_name_or_password_is_told_and_signs_nobody_in(ops, name, password):
    client = Client()
    response = sign_in(client, name, password)
    assert response.status_code == 200
    assert 'class="errornote"' in response.content.decode()
    assert not is_signed_in(client)


def test_a_wrong_name_and_a_wrong_password_are_told_alike(ops):
    said = {
        re.sub(r'value="[^"]*"', "", sign_in(Client(), *wrong).content.decode())
        for wrong in (("bob", "wrong"), ("nobody", "wrong"))
    }
    assert len(said) == 1


@pytest.mark.parametrize("shut", ["is_active", "is_staff"])
def test_who_was_shut_out_does_not_get_in(ops, shut):
    setattr(ops, shut, False)
    ops.save()
    client = Client()
    assert 'class="errornote"' in sign_in(client).content.decode()
    assert not is_signed_in(client)


@pytest.mark.parametrize("page", [FLAGS, f"{FLAGS}?risk=low&p=2", "/console/audit"])
def test_signing_in_leads_to_the_page_that_was_asked_for(ops, page):
    assert sign_in(Client(), next=page)["Location"] == page


def test_the_form_of_the_login_page_carries_the_page_along(ops):
    client = Client()
    asked = client.get(f"{FLAGS}/console_billing", follow=True)
    html = asked.content.decode()
    fields = dict(re.findall(r'<input type="hidden" name="(next)" value="(.*?)"', html))
    assert fields == {"next": f"{FLAGS}/console_billing"}
    assert sign_in(client, **fields)["Location"] == f"{FLAGS}/console_billing"


@pytest.mark.parametrize("page", AFAR)
def test_signing_in_leads_nowhere_else(ops, page):
    assert sign_in(Client(), next=page)["Location"] == "/console/"
    by_query = Client().post(
        f"{LOGIN}?next={page}", {"username": "bob", "password": PASSWORD}, follow=False
    )
    assert by_query["Location"] == "/console/"


def test_the_session_key_of_before_is_worth_nothing_after_signing_in(ops):
    client = Client()
    session = client.session
    session["planted"] = "by whoever gave out the key"
    session.save()
    before = session.session_key
    client.cookies[settings.SESSION_COOKIE_NAME] = before
    sign_in(client)
    assert is_signed_in(client)
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != before
    client.cookies[settings.SESSION_COOKIE_NAME] = before
    assert not is_signed_in(client)


def test_the_csrf_token_of_before_is_worth_nothing_after_signing_in(ops):
    client = Client(enforce_csrf_checks=True)
    client.get(LOGIN)
    before = client.cookies[settings.CSRF_COOKIE_NAME].value
    assert sign_in(client, csrfmiddlewaretoken=before).status_code == 302
    assert client.cookies[settings.CSRF_COOKIE_NAME].value != before
    response = client.post("/console/env", {"env": "prod", "csrfmiddlewaretoken": before})
    assert response.status_code == 403


def test_signing_in_as_someone_else_takes_nothing_of_the_other_session_along(ops, support):
    client = client_of(ops)
    client.post("/console/env", {"env": "prod"})
    sign_in(client, "carol")
    assert 'data-env="staging"' in client.get("/console/").content.decode()


def test_signing_out_takes_a_post(ops):
    client = client_of(ops)
    assert client.get("/console/logout").status_code == 405
    assert is_signed_in(client)
    assert client.post("/console/logout").status_code == 200
    assert not is_signed_in(client)


def test_the_session_that_was_signed_out_is_worth_nothing(ops):
    client = client_of(ops)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    client.post("/console/logout")
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert not is_signed_in(client)


def test_after_signing_out_the_way_back_in_is_shown(ops):
    said = client_of(ops).post("/console/logout")
    assert 'href="/console/"' in said.content.decode()
    assert "Log in again" in text_of(said)


def test_a_changed_password_ends_the_other_sessions(ops):
    here, elsewhere = client_of(ops), client_of(ops)
    new = "another-horse-battery"
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert here.post("/console/password_change/", fields).status_code == 303
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)


def test_cookies_are_kept_from_scripts_and_plain_http(ops):
    client = Client()
    client.get(LOGIN)
    sign_in(client)
    for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
        cookie = client.cookies[name]
        assert cookie["httponly"]
        assert cookie["secure"]
        assert cookie["samesite"] == "Lax"


def test_signing_in_flips_nothing(ops):
    sign_in(Client(), next=f"{FLAGS}/console_billing/flip")
    assert not FeatureFlag.objects.exists()
    assert [entry.action for entry in AuditEntry.objects.all()] == ["console.operator.signed_in"]


@pytest.mark.parametrize(
    ("asked", "led_to"),
    [
        ("/console/flags?risk=low", "/console/flags?risk=low"),
        ("https://evil.example/", "/console/"),
        ("//evil.example", "/console/"),
    ],
)
def test_who_is_signed_in_already_goes_on_to_the_page_at_once(ops, asked, led_to):
    response = client_of(ops).get("/console/login", {"next": asked})
    assert (response.status_code, response["Location"]) == (302, led_to)
