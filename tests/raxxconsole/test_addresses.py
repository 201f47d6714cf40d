"""Every address of the console by every role. A new address fails here until it has its rows."""

from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from django.urls import URLPattern, get_resolver

from tests.pages import (
    EVERYONE,
    LOW,
    SEE_NO_FLAGS,
    SIGNED_OUT,
    client_as,
    flip_form,
    flip_url,
    nothing_written,
    written,
)


class Row(NamedTuple):
    """One method of one address, and its status: signed out, may see no flags, may see them."""

    method: str
    path: str
    signed_out: int
    sees_none: int
    sees: int
    fields: dict[str, str] = {}


# Pattern as the URLconf has it, and what it must answer.
ADDRESSES = {
    "": [Row("GET", "/", 302, 302, 302)],
    "healthz": [Row("GET", "/healthz", 200, 200, 200), Row("POST", "/healthz", 405, 405, 405)],
    "readyz": [Row("GET", "/readyz", 200, 200, 200), Row("POST", "/readyz", 405, 405, 405)],
    "console": [Row("GET", "/console", 302, 302, 302)],
    "console/": [
        Row("GET", "/console/", 302, 200, 200),
        Row("POST", "/console/", 302, 405, 405),
    ],
    "console/login": [
        Row("GET", "/console/login", 200, 302, 302),
        Row("POST", "/console/login", 200, 200, 200, {"username": "nobody", "password": "wrong"}),
        Row("DELETE", "/console/login", 405, 405, 405),
    ],
    "console/logout": [
        Row("GET", "/console/logout", 302, 405, 405),
        Row("POST", "/console/logout", 302, 200, 200),
    ],
    "console/env": [
        Row("GET", "/console/env", 302, 405, 405),
        Row("POST", "/console/env", 302, 302, 302, {"env": "prod"}),
        Row("POST", "/console/env", 302, 400, 400, {"env": "production"}),
        Row("POST", "/console/env", 302, 400, 400),
    ],
    "console/flags": [
        Row("GET", "/console/flags", 302, 403, 200),
        Row("POST", "/console/flags", 302, 403, 200),
        Row("DELETE", "/console/flags", 302, 405, 405),
    ],
    "console/flags/<str:key>": [
        Row("GET", f"/console/flags/{LOW}", 302, 403, 200),
        Row("GET", "/console/flags/no_such_flag", 302, 403, 404),
        Row("POST", f"/console/flags/{LOW}", 302, 405, 405),
    ],
    "console/flags/<str:key>/flip": [
        Row("GET", flip_url(), 302, 405, 405),
        Row("PUT", flip_url(), 302, 405, 405),
        Row("POST", flip_url(), 302, 403, 400),
        Row("POST", flip_url("no_such_flag"), 302, 403, 404),
    ],
    "console/audit": [
        Row("GET", "/console/audit", 302, 403, 200),
        Row("POST", "/console/audit", 302, 405, 405),
    ],
    "console/login/": [Row("GET", "/console/login/", 302, 302, 302)],
    "console/flags/declaredflag/": [Row("GET", "/console/flags/declaredflag/", 302, 302, 302)],
    "console/audit/auditentry/": [Row("GET", "/console/audit/auditentry/", 302, 302, 302)],
    "console/^(?P<app_label>flags)/$": [Row("GET", "/console/flags/", 302, 302, 302)],
    "console/^(?P<app_label>audit)/$": [Row("GET", "/console/audit/", 302, 302, 302)],
    "console/password_change/": [
        Row("GET", "/console/password_change/", 302, 200, 200),
        Row("POST", "/console/password_change/", 302, 200, 200),
    ],
    "console/password_change/done/": [
        Row("GET", "/console/password_change/done/", 302, 200, 200),
        Row("POST", "/console/password_change/done/", 302, 405, 405),
    ],
    "console/jsi18n/": [
        Row("GET", "/console/jsi18n/", 302, 200, 200),
        Row("POST", "/console/jsi18n/", 302, 405, 405),
    ],
}
FORM = "application/x-www-form-urlencoded"
ROWS = [row for rows in ADDRESSES.values() for row in rows]


def patterns_of(resolver, prefix: str = "") -> list[str]:
    found = []
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        found += [route] if isinstance(pattern, URLPattern) else patterns_of(pattern, route)
    return found


def test_every_address_has_its_rows_here_and_is_routed_once():
    assert sorted(patterns_of(get_resolver())) == sorted(ADDRESSES)


@pytest.mark.parametrize("who", EVERYONE)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.path} {row.fields}")
def test_each_address_answers_each_role_as_the_contract_says(declared, who, row):
    client = client_as(who)
    status = row.signed_out if who in SIGNED_OUT else row.sees
    if who in SEE_NO_FLAGS:
        status = row.sees_none
    with nothing_written():
        response = client.generic(row.method, row.path, urlencode(row.fields), FORM)
    assert response.status_code == status


@pytest.mark.parametrize("who", EVERYONE)
def test_a_sound_flip_is_the_one_request_of_them_that_writes(declared, who):
    client_as(who).post(flip_url(), flip_form())
    expected = 0 if who in (*SIGNED_OUT, *SEE_NO_FLAGS) else 1
    assert [len(rows) for rows in written()] == [expected, expected]


@pytest.mark.parametrize(
    ("old", "page"),
    [
        ("/console/flags/declaredflag/", "/console/flags"),
        ("/console/flags/", "/console/flags"),
        ("/console/audit/auditentry/", "/console/audit"),
        ("/console/audit/", "/console/audit"),
        ("/console/login/", "/console/login"),
        ("/console", "/console/"),
        ("/", "/console/"),
    ],
)
def test_the_admins_own_addresses_lead_to_ours(declared, old, page):
    assert client_as("ops").get(old)["Location"] == page


@pytest.mark.parametrize("old", ["flags/declaredflag/", "audit/auditentry/", "login/"])
def test_the_query_goes_along(declared, old):
    assert client_as("ops").get(f"/console/{old}?q=a&o=1")["Location"].endswith("?q=a&o=1")


@pytest.mark.parametrize(
    "path", ["/console/env/", "/console/logout/", f"{flip_url()}/", "/healthz/"]
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


@pytest.mark.parametrize("path", ["/console/env", "/console/logout", "/console/flags"])
@pytest.mark.parametrize("headers", [{"HX-Request": "true"}, {}], ids=["htmx", "plain"])
def test_a_signed_out_post_never_comes_back_to_the_address_of_a_post(declared, path, headers):
    client = client_as("anonymous")
    response = client.post(path, headers=headers)
    where = response["HX-Redirect"] if headers else response["Location"]
    page = "/console/flags" if path == "/console/flags" else "/console/"
    assert response.status_code == (401 if headers else 302)
    assert where.replace("%2F", "/") == f"/console/login?next={page}"


@pytest.mark.parametrize("who", ["anonymous", "support", "superadmin"])
@pytest.mark.parametrize(
    "path",
    [
        *("/console/", "/console/login", "/console/logout", "/console/env", "/console/flags"),
        *(f"/console/flags/{LOW}", flip_url(), "/console/audit", "/console/password_change/"),
    ],
)
def test_a_post_without_a_csrf_token_is_403_at_every_address(declared, who, path):
    client = client_as(who, enforce_csrf_checks=True)
    with nothing_written():
        response = client.post(path, {"env": "prod", "username": "x", "password": "y"})
    assert response.status_code == 403
    assert b"Reload the page" in response.content


@pytest.mark.parametrize("path", ["/console/flags", f"/console/flags/{LOW}", "/console/audit"])
def test_no_page_is_kept_by_browsers_or_proxies(declared, path):
    assert "no-store" in client_as("ops").get(path)["Cache-Control"]
