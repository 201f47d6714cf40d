"""What browsers are told with every answer of the console: pages, partials, redirects, refusals."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from django.utils.http import urlencode
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from flags import views
from tests.codes import ELEVATE, code_of, elevated_client, wrong_code
from tests.conftest import PASSWORD, client_of
from tests.flags.test_break_glass import GLASS, run
from tests.flags.test_bulk import pick
from tests.pages import FLAGS, HIGH, HTMX, LOW, flip_form, flip_url, same_browser, undone

ROUTER = {"X-Forwarded-Proto": "https"}
ENROL = "/console/account/enrol"
# Each path of the console's own pages, for an elevated superadmin.
PAGES = ["/console/", FLAGS, f"{FLAGS}?q=no-such&risk=low", f"{FLAGS}/{HIGH}", "/console/audit"]
PAGES += ["/console/users", "/console/users/alice", "/console/users/bob", "/console/account"]
PAGES += [ENROL, ELEVATE, "/console/password_change/"]
OFFER = f"{FLAGS}/{HIGH}/offer"


def offer(browser, **options):
    return browser.get(f"{OFFER}?{urlencode(flip_form(HIGH))}", **options)


def failing(browser, error: Exception):
    """What the console answers while this happens in a page of it."""

    def fail(*args, **kwargs):
        raise error

    browser.raise_request_exception = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "read_state", fail)
        return browser.get(f"{FLAGS}/{LOW}")


def throttled(browser):
    form = {"username": "alice", "password": "wrong"}
    answers = [Client(headers=ROUTER).post("/console/login", form) for _ in range(6)]
    return answers[-1]


def signing_in(browser, password: str):
    form = {"username": "alice", "password": password}
    return Client(headers=ROUTER).post("/console/login", form)


def with_a_secret(browser):
    browser.post(ENROL, {"password": PASSWORD})
    return browser.get(ENROL)


def with_recovery_codes(browser):
    TOTPDevice.objects.all().delete()
    with_a_secret(browser)
    return browser.post(ENROL, {"token": code_of(TOTPDevice.objects.get())})


def wrong(browser, **options):
    return browser.post(ELEVATE, {"token": wrong_code(TOTPDevice.objects.get())}, **options)


def as_bob(browser):
    return client_of(User.objects.get(username="bob"), headers=ROUTER)


# Name: the status, and how an elevated superadmin's browser (or another one) comes by it.
ANSWERS = {
    **{f"GET {page}": (200, lambda b, page=page: b.get(page)) for page in PAGES},
    "login": (200, lambda b: Client(headers=ROUTER).get("/console/login")),
    "sign-in": (302, lambda b: signing_in(b, PASSWORD)),
    "failed sign-in": (200, lambda b: signing_in(b, "wrong")),
    "throttled sign-in": (429, throttled),
    "sign-out": (200, lambda b: b.post("/console/logout")),
    "signed out": (302, lambda b: Client(headers=ROUTER).get(FLAGS)),
    "signed out, htmx": (401, lambda b: Client(headers=ROUTER).post(flip_url(), headers=HTMX)),
    "/console": (302, lambda b: b.get("/console")),
    "an old address": (302, lambda b: b.get("/console/flags/declaredflag/")),
    "switch": (302, lambda b: b.post("/console/env", {"env": "prod"})),
    "the warning": (200, lambda b: run(*GLASS) and b.get(FLAGS)),
    "flip": (303, lambda b: b.post(flip_url(), flip_form())),
    "flip, htmx": (200, lambda b: b.post(flip_url(), flip_form(), headers=HTMX)),
    "high risk": (403, lambda b: as_bob(b).post(flip_url(HIGH), flip_form(HIGH))),
    "conflict": (409, lambda b: b.post(flip_url(), flip_form() | {"seen": "db::1"}, headers=HTMX)),
    "confirmation": (200, lambda b: pick(b, LOW, HIGH)),
    "offer": (200, offer),
    "offer, dialog": (200, lambda b: offer(b, headers=HTMX)),
    "code, dialog": (200, lambda b: b.get(ELEVATE, headers=HTMX)),
    "wrong code": (403, wrong),
    "wrong code, dialog": (403, lambda b: wrong(b, headers=HTMX)),
    "secret": (200, with_a_secret),
    "recovery codes": (200, with_recovery_codes),
    "malformed": (400, lambda b: b.post(flip_url(), {})),
    "role": (403, lambda b: as_bob(b).get("/console/users")),
    "no such flag": (404, lambda b: b.get(f"{FLAGS}/no_such_flag")),
    "no such page": (404, lambda b: b.get("/console/nowhere")),
    "method": (405, lambda b: b.delete(FLAGS)),
    "CSRF": (403, lambda b: Client(enforce_csrf_checks=True, headers=ROUTER).post(FLAGS)),
    "NUL": (302, lambda b: b.get(f"{FLAGS}?q=%00")),
    "database away": (503, lambda b: failing(b, OperationalError("away"))),
    "failure": (500, lambda b: failing(b, RuntimeError("a bug"))),
    "another host": (400, lambda b: b.get(FLAGS, headers={"host": "evil.example"})),
    "jsi18n": (200, lambda b: b.get("/console/jsi18n/")),
}
OUTSIDE = {
    "/": (302, lambda b: b.get("/")),
    "no such page of ours": (404, lambda b: b.get("/nowhere")),
    "/healthz": (200, lambda b: b.get("/healthz")),
    "/readyz": (200, lambda b: b.get("/readyz")),
    "/healthz, another method": (405, lambda b: b.post("/healthz")),
}
ALL = ANSWERS | OUTSIDE


@pytest.fixture
def answer(superadmin, ops):
    """Ask for one of ALL by its name; what that changes is undone when its block ends."""
    browser = elevated_client(superadmin, headers=ROUTER)

    @contextmanager
    def answer_(name: str) -> Iterator[HttpResponse]:
        status, ask = ALL[name]
        with undone():
            response = ask(same_browser(browser))
            assert response.status_code == status, name
            yield response

    return answer_


def test_every_answer_keeps_browsers_to_https_out_of_frames_and_away_from_devices(answer):
    told = {
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Frame-Options": "DENY",
    }
    for name in ALL:
        with answer(name) as response:
            assert {header: response.get(header) for header in told} == told, name
            allowed = dict(part.split("=") for part in response["Permissions-Policy"].split(", "))
            unwanted = {"camera", "geolocation", "microphone", "payment", "usb"}
            assert unwanted <= set(allowed), name
            assert set(allowed.values()) == {"()"}, name
            assert response["X-Request-ID"], name
            if name in ANSWERS:
                is_kept_nowhere(response, name)


def is_kept_nowhere(response: HttpResponse, name: str) -> None:
    directives = {part.strip() for part in response["Cache-Control"].split(",")}
    assert {"no-store", "private"} <= directives, name
    assert "public" not in directives, name


@pytest.mark.parametrize("name", ["sign-in", "login", "GET /console/", "switch"])
def test_each_cookie_is_of_this_host_alone_over_tls_and_out_of_scripts_reach(answer, name):
    with answer(name) as response:
        cookies = response.cookies
    if name in ("sign-in", "switch"):
        assert settings.SESSION_COOKIE_NAME in cookies
    for cookie, morsel in cookies.items():
        assert cookie.startswith("__Host-")
        assert morsel["secure"] is True
        assert morsel["httponly"] is True
        assert (morsel["path"], morsel["domain"]) == ("/", "")
        assert morsel["samesite"] in ("Lax", "Strict")


def test_signing_in_sets_both_cookies_and_no_others(answer):
    names = {settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME}
    with answer("sign-in") as response:
        assert set(response.cookies) == names


def test_without_tls_no_browser_is_told_to_keep_to_it(superadmin):
    assert "Strict-Transport-Security" not in client_of(superadmin).get(FLAGS)


def test_a_refused_flip_tells_the_dialog_nothing_but_an_address(superadmin):
    response = client_of(superadmin).post(flip_url(HIGH), flip_form(HIGH), headers=HTMX)
    assert list(json.loads(response["HX-Trigger-After-Settle"])["console:elevate"]) == ["address"]
