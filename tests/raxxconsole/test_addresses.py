"""The console's addresses: old ones, ways back, CSRF. Who may do what: test_role_table.py."""

import re
from urllib.parse import unquote

import pytest

from tests.codes import ELEVATE, enrolled
from tests.conftest import PASSWORD, client_of
from tests.pages import FLAGS, HIGH, LOW, client_as, flip_form, flip_url, nothing_changed

ACCOUNT, ENROL, PASSWORDS = (
    "/console/account",
    "/console/account/enrol",
    "/console/password_change/",
)
BOB = "/console/users/the-ops"
TOKENS = "/console/service-tokens"
OFFER = f"{FLAGS}/{HIGH}/offer?to=on&env=staging&seen=yaml%3A%3A0"
PAGES = (
    "/console/",
    FLAGS,
    f"{FLAGS}/{LOW}",
    OFFER,
    "/console/audit",
    "/console/promotions",
    "/console/config-vars",
    "/console/users",
    TOKENS,
    ACCOUNT,
)
# Addresses that take a POST, and the page that whoever is signed out is brought to.
POSTS = {
    **dict.fromkeys(("/console/env", "/console/logout", "/console/elevate/drop"), "/console/"),
    **{page: page for page in (FLAGS, ELEVATE, ENROL, PASSWORDS, TOKENS)},
    f"{TOKENS}/1/revoke": TOKENS,
    **dict.fromkeys(
        (flip_url(), f"{FLAGS}/{LOW}/reconcile", "/console/break-glass/1/acknowledge"), FLAGS
    ),
    f"{FLAGS}/{LOW}/mark-promote": FLAGS,
    "/console/promotions": "/console/promotions",
    **{
        f"/console/promotions/1/{verb}": "/console/promotions"
        for verb in ("approve", "promote", "reject")
    },
    **{
        f"{ACCOUNT}/{act}": ACCOUNT
        for act in ("recovery-codes", "devices/1/remove", "end-sessions")
    },
    **{
        f"{BOB}/{act}": "/console/users"
        for act in ("role", "activate", "deactivate", "end-sessions")
    },
}


@pytest.mark.parametrize(
    ("old", "page"),
    [
        ("/console/flags/declaredflag/", "/console/flags"),
        ("/console/flags/", "/console/flags"),
        ("/console/audit/auditentry/", "/console/audit"),
        ("/console/audit/", "/console/audit"),
        ("/console/promotions/promotion/", "/console/promotions"),
        ("/console/promotions/", "/console/promotions"),
        ("/console/login/", "/console/login"),
        ("/console/accounts/user/", "/console/users"),
        ("/console/accounts/", "/console/users"),
        ("/console", "/console/"),
        ("/", "/console/"),
    ],
)
def test_the_admins_own_addresses_lead_to_ours(declared, old, page):
    assert client_as("ops").get(old)["Location"] == page


@pytest.mark.parametrize(
    "old", ["flags/declaredflag/", "audit/auditentry/", "accounts/user/", "login/"]
)
def test_the_query_goes_along(declared, old):
    assert client_as("ops").get(f"/console/{old}?q=a&o=1")["Location"].endswith("?q=a&o=1")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/console/env/",
            "/console/logout/",
            f"{flip_url()}/",
            f"{FLAGS}/{LOW}/reconcile/",
            "/healthz/",
            "/console/users/",
        ),
        *("/console/elevate/", "/console/account/", "/console/password_change", f"{BOB}/role/"),
        *("/console/accounts/user/1/change/", "/console/accounts/user/add/", "/console/r/1/1/"),
        *("/console/otp_totp/totpdevice/", "/console/axes/accessattempt/", "/console/auth/group/"),
    ],
)
def test_other_spellings_are_404(declared, path):
    assert client_as("superadmin").get(path).status_code == 404


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/console/flags?risk=low&p=2", "%3Frisk%3Dlow%26p%3D2"),
        (f"/console/flags/{LOW}", ""),
        ("/console/audit?action=console.flag.flip", "%3Faction%3Dconsole.flag.flip"),
        ("/console/", ""),
    ],
)
def test_a_signed_out_visitor_of_a_page_comes_back_to_it_with_its_query(declared, path, page):
    response = client_as("anonymous").get(path)
    bare = path.partition("?")[0]
    assert response["Location"] == f"/console/login?next={bare}{page}"


@pytest.mark.parametrize("page", [*PAGES, ENROL, PASSWORDS, ELEVATE, BOB])
def test_every_page_asks_the_signed_out_visitor_to_sign_in_and_comes_back(declared, page):
    where = client_as("anonymous").get(page)["Location"]
    assert where.startswith("/console/login?next=")
    assert unquote(where.partition("=")[2]) == page


@pytest.mark.parametrize(("path", "page"), POSTS.items())
@pytest.mark.parametrize("headers", [{"HX-Request": "true"}, {}], ids=["htmx", "plain"])
def test_a_signed_out_post_never_comes_back_to_the_address_of_a_post(declared, path, page, headers):
    response = client_as("anonymous").post(path, headers=headers)
    where = response["HX-Redirect"] if headers else response["Location"]
    assert response.status_code == (401 if headers else 302)
    assert where.replace("%2F", "/") == f"/console/login?next={page}"


@pytest.mark.parametrize("who", ["anonymous", "support", "superadmin"])
@pytest.mark.parametrize(
    "path", ["/console/", "/console/login", f"{FLAGS}/{LOW}", "/console/audit", *POSTS]
)
def test_a_post_without_a_csrf_token_is_403_at_every_address(declared, who, path):
    client = client_as(who, enforce_csrf_checks=True)
    with nothing_changed():
        response = client.post(path, {"env": "prod", "username": "x", "password": "y"})
    assert response.status_code == 403
    assert b"Reload the page" in response.content


@pytest.mark.parametrize(
    ("path", "fields", "back"),
    [
        (f"{BOB}/role", {"role": "support"}, BOB),
        (f"{BOB}/activate", {}, BOB),
        (f"{BOB}/deactivate", {}, BOB),
        (f"{BOB}/end-sessions", {}, BOB),
        (f"{ACCOUNT}/recovery-codes", {}, ACCOUNT),
        (f"{ACCOUNT}/devices/1/remove", {}, ACCOUNT),
        (ENROL, {"password": PASSWORD}, ENROL),
    ],
)
def test_what_lacks_a_proof_says_the_way_to_one_and_back(superadmin, path, fields, back):
    client_as("ops")
    enrolled(superadmin)
    response = client_of(superadmin).post(path, fields)
    assert response.status_code == 403
    assert f'href="{ELEVATE}?next={back}"' in unquote(response.content.decode())


def test_a_flip_that_lacks_a_proof_leads_to_the_offer_of_the_very_same_flip(superadmin):
    alice, form = client_of(superadmin), flip_form(HIGH)
    page = alice.post(flip_url(HIGH), form).content.decode()
    way = re.search(rf'href="{ELEVATE}\?next=([^"]+)"', page)[1]
    offer = alice.get(unquote(way))
    assert offer.status_code == 200
    for name, value in form.items():
        assert f'name="{name}" value="{value}"' in offer.content.decode()


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 10**40])
@pytest.mark.parametrize("act", ["break-glass/{}/acknowledge", "account/devices/{}/remove"])
def test_a_number_that_no_row_has_is_never_a_500(declared, act, number):
    client = client_as("elevated")
    with nothing_changed():
        answer = client.post(f"/console/{act.format(number)}")
    assert answer.status_code in (303, 404, 409)


@pytest.mark.parametrize("page", [*PAGES, ENROL, PASSWORDS, ELEVATE, BOB])
def test_no_page_is_kept_by_browsers_or_proxies(declared, page):
    client_as("ops")
    response = client_as("superadmin").get(page)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
