"""Behind the router: HTTPS as it says so, and no host but our own."""

import re

import pytest
from django.conf import settings as django_settings
from django.test import Client

from audit.models import AuditEntry
from tests.codes import code_of, enrolled
from tests.conftest import PASSWORD, client_of
from tests.pages import FLAGS, HTMX, LOW, flip_form, flip_url, nothing_written

HTTPS = {"X-Forwarded-Proto": "https"}
EVIL = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "666",
    "Forwarded": "host=evil.example",
}
# The test client else names its port, too.
OURS = {"Host": "testserver"}
PATHS = [
    "/",
    "/console/",
    "/console/login",
    f"{FLAGS}?q=a&risk=low",
    "/console/nowhere",
    "/nowhere",
]


@pytest.fixture
def redirecting(settings):
    """As in production, where the test runs' exception does not hold."""
    settings.SECURE_SSL_REDIRECT = True


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-Proto": "http"}], ids=["none", "http"])
def test_plain_http_is_led_to_the_same_address_over_https(redirecting, path, headers):
    answer = Client().get(path, headers=headers)
    assert (answer.status_code, answer["Location"]) == (301, f"https://testserver{path}")
    assert not answer.cookies


@pytest.mark.parametrize("path", ["/console/login", "/console/elevate", flip_url()])
def test_what_is_posted_over_plain_http_is_not_looked_at(redirecting, superadmin, path):
    form = {"username": "alice", "password": PASSWORD, "token": "123456"} | flip_form()
    with nothing_written():
        answer = client_of(superadmin).post(path, form)
    assert answer.status_code == 301
    assert not answer.cookies


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_within_the_platform_speak_plain_http(redirecting, db, path):
    assert Client().get(path).status_code == 200


@pytest.mark.parametrize("path", ["/healthz/", "/healthzz", "/console/healthz", "/healthz/x"])
def test_nothing_else_does(redirecting, path):
    assert Client().get(path).status_code == 301


@pytest.mark.parametrize("path", ["/console/", FLAGS])
def test_what_the_router_took_by_https_is_answered(redirecting, superadmin, path):
    assert client_of(superadmin, headers=HTTPS).get(path).status_code == 200


@pytest.mark.parametrize("said", ["http", "HTTPS ", "on", "1", "http, https", "httpsx", ""])
def test_nothing_but_the_word_https_counts_as_https(redirecting, said):
    answer = Client().get("/console/login", headers={"X-Forwarded-Proto": said})
    assert answer.status_code == 301


@pytest.mark.parametrize("other", ["X-Forwarded-Ssl", "X-Forwarded-Scheme", "Front-End-Https"])
def test_no_other_header_is_believed_of_https(redirecting, other):
    headers = {other: "https" if "Scheme" in other else "on"}
    assert Client().get("/console/login", headers=headers).status_code == 301


@pytest.mark.parametrize("path", PATHS)
def test_a_forwarded_host_is_never_led_to(redirecting, path):
    assert Client().get(path, headers=EVIL)["Location"] == f"https://testserver{path}"


@pytest.mark.parametrize("page", ["/console/", FLAGS, f"{FLAGS}/{LOW}", "/console/audit"])
def test_no_page_names_a_forwarded_host(superadmin, page):
    html = client_of(superadmin).get(page, headers=EVIL | HTTPS).content.decode()
    assert "evil.example" not in html
    assert not re.search(r'(href|src|action)="(https?:)?//', html)


@pytest.mark.parametrize("path", ["/console", "/console/flags/", "/console/env", flip_url()])
def test_no_redirect_goes_by_a_forwarded_host(superadmin, path):
    client = client_of(superadmin, headers=EVIL | HTTPS)
    if path in ("/console/env", flip_url()):
        form = flip_form() | {"next": "https://evil.example/console/flags"}
        answer = client.post(path, form)
    else:
        answer = client.get(path)
    assert answer["Location"].startswith("/console/")


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_signing_in_leads_to_no_forwarded_host(db, headers):
    current = {"HX-Current-URL": "https://evil.example/console/flags"} if headers else {}
    answer = Client().post(flip_url(), headers=EVIL | HTTPS | headers | current)
    where = answer["HX-Redirect"] if headers else answer["Location"]
    assert where in (f"/console/login?next={FLAGS}", "/console/login?next=%2Fconsole%2Fflags")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"Origin": "https://testserver"}, 303),
        ({"Referer": "https://testserver/console/flags"}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Referer": "https://evil.example/console/flags"}, 403),
        ({"Origin": "http://testserver"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
    ids=str,
)
def test_the_origin_of_a_form_is_measured_by_our_own_host(superadmin, said, status):
    client = client_of(superadmin, enforce_csrf_checks=True, headers=EVIL | HTTPS | OURS)
    client.get(FLAGS)
    token = client.cookies[django_settings.CSRF_COOKIE_NAME].value
    answer = client.post(flip_url(), flip_form(), headers={"X-CSRFToken": token, **said})
    assert answer.status_code == status
    assert AuditEntry.objects.count() == (status == 303)


@pytest.mark.parametrize(
    "host", ["evil.example", "testserver.evil.example", "eviltestserver", "testserver:x", "", "a b"]
)
@pytest.mark.parametrize("path", ["/", "/console/login", FLAGS, "/console/nowhere"])
def test_a_host_that_is_not_ours_is_400_and_not_named(db, host, path):
    answer = Client().get(path, headers={"host": host, **HTTPS})
    assert answer.status_code == 400
    assert "evil" not in answer.content.decode()
    assert not answer.cookies


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example"])
def test_over_plain_http_it_is_not_led_to(redirecting, host):
    answer = Client().get("/console/", headers={"host": host})
    assert answer.status_code == 400
    assert "Location" not in answer


@pytest.mark.parametrize("asked", ["https://evil.example/", "//evil.example", "/\\evil.example"])
@pytest.mark.parametrize("page", ["/console/login", "/console/elevate", "/console/env"])
def test_a_form_that_goes_on_elsewhere_goes_on_here(superadmin, asked, page):
    client = Client(headers=EVIL) if page == "/console/login" else client_of(superadmin)
    code = code_of(enrolled(superadmin))
    form = {"username": "alice", "password": PASSWORD, "token": code, "env": "prod", "next": asked}
    assert client.post(page, form)["Location"] == "/console/"


def test_the_page_of_a_code_leads_nowhere_else_either(superadmin):
    enrolled(superadmin)
    page = client_of(superadmin).get("/console/elevate", {"next": "https://evil.example/"})
    html = page.content.decode()
    assert '<input type="hidden" name="next" value="/console/">' in html
    assert not re.search(r'(href|action)="[^"?]*evil', html)
