"""The settings of sessions, elevation and TLS: strict, bounded, and safe where nothing is set."""

import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.processes.server import manage
from tests.test_settings import NO_BOOLEAN, PRODUCTION, start

SETTINGS = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
__all__ = ["start"]  # a fixture
SECONDS = {
    "ELEVATION_SECONDS": (600, 1, 3600),
    "SESSION_IDLE_SECONDS": (3600, 60, 86400),
    "SESSION_MAX_SECONDS": (43200, 300, 604800),
}
NO_SECONDS = ["", " ", "ten", "10m", "0", "-1", "nan", "inf", "-inf", "1e9", "0x10", "600,5"]


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    for name in (*SECONDS, "SECURE_SSL_REDIRECT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("variable", SECONDS)
@pytest.mark.parametrize("text", NO_SECONDS)
def test_a_time_that_is_none_stops_the_start_with_its_name(start, variable, text):
    with pytest.raises(ImproperlyConfigured, match=f"^{variable}="):
        start(**PRODUCTION | {variable: text})


@pytest.mark.parametrize("text", NO_BOOLEAN)
def test_a_redirect_that_is_no_boolean_stops_the_start_with_its_name(start, text):
    with pytest.raises(ImproperlyConfigured, match=r"^SECURE_SSL_REDIRECT="):
        start(**PRODUCTION, SECURE_SSL_REDIRECT=text)


@pytest.mark.parametrize("variable", SECONDS)
def test_a_time_out_of_bounds_stops_the_start_and_the_bounds_are_told(start, variable):
    _, low, high = SECONDS[variable]
    for text in (str(low - 0.001), str(high + 0.001)):
        with pytest.raises(ImproperlyConfigured, match=f"{variable}.* from {low} to {high}"):
            start(**PRODUCTION | {variable: text})


@pytest.mark.parametrize("variable", SECONDS)
def test_the_bounds_themselves_are_taken(start, variable):
    _, low, high = SECONDS[variable]
    assert start(**PRODUCTION | {variable: str(low)})[variable] == low
    assert start(**PRODUCTION | {variable: str(high)})[variable] == high


@pytest.mark.parametrize("debug", ["0", "1"])
@pytest.mark.parametrize("variable", SECONDS)
def test_the_times_that_are_not_set_are_the_documented_ones(start, variable, debug):
    assert start(**PRODUCTION, DEBUG=debug)[variable] == SECONDS[variable][0]


def test_the_cookie_outlives_the_session_by_a_day_so_that_its_end_can_be_told(start):
    age = start(**PRODUCTION, SESSION_MAX_SECONDS="7200.5")["SESSION_COOKIE_AGE"]
    assert age == 7200 + 86400


@pytest.mark.parametrize(("text", "redirects"), [("1", True), ("0", False), ("No", False)])
def test_the_redirect_to_https_can_be_left_to_the_router(start, text, redirects):
    settings = start(**PRODUCTION, SECURE_SSL_REDIRECT=text)
    assert settings["SECURE_SSL_REDIRECT"] is redirects


def test_outside_debug_browsers_are_held_to_https(start):
    settings = start(**PRODUCTION)
    assert settings["SECURE_SSL_REDIRECT"] is True
    assert settings["SECURE_HSTS_SECONDS"] == 365 * 86400
    assert settings["SECURE_HSTS_INCLUDE_SUBDOMAINS"] is settings["SECURE_HSTS_PRELOAD"] is True
    assert settings["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")
    assert not settings.get("USE_X_FORWARDED_HOST")
    assert not settings.get("USE_X_FORWARDED_PORT")


def test_outside_debug_the_cookies_are_of_this_very_host(start):
    settings = start(**PRODUCTION)
    for cookie in ("SESSION", "CSRF"):
        assert settings[f"{cookie}_COOKIE_NAME"].startswith("__Host-")
        assert settings[f"{cookie}_COOKIE_SECURE"] is True
        assert settings.get(f"{cookie}_COOKIE_DOMAIN") is None
        assert settings.get(f"{cookie}_COOKIE_PATH", "/") == "/"


def test_under_debug_plain_http_works_and_no_header_is_trusted(start):
    settings = start(DEBUG="1", SECURE_SSL_REDIRECT="1")
    assert not settings.get("SECURE_SSL_REDIRECT")
    assert not settings.get("SECURE_HSTS_SECONDS")
    assert "SECURE_PROXY_SSL_HEADER" not in settings
    assert settings["SESSION_COOKIE_NAME"] == "sessionid"
    assert settings["SESSION_COOKIE_SECURE"] is settings["CSRF_COOKIE_SECURE"] is False


def test_passwords_are_hashed_by_argon2_first(start):
    assert start(**PRODUCTION)["PASSWORD_HASHERS"][0].endswith("Argon2PasswordHasher")


@pytest.mark.parametrize("variable", [*SECONDS, "SECURE_SSL_REDIRECT"])
def test_a_real_process_ends_with_the_name_on_its_last_line(variable):
    extra = {"DEBUG": "0", "SECRET_KEY": "x" * 60, "ENV_FILE": os.devnull, variable: "soon"}
    done = manage("check", check=False, **extra)
    assert done.returncode != 0
    assert f"{variable}='soon' is not understood" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("variable", [*SECONDS, "SECURE_SSL_REDIRECT"])
def test_each_of_them_is_in_the_table_of_settings(variable):
    assert f"| `{variable}` |" in SETTINGS.read_text()
