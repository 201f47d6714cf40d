"""Settings are strict: what is not understood stops the start and names its variable."""

import os
import runpy
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from raxxconsole import settings as module
from tests.processes.server import manage

READ = [
    "SECRET_KEY",
    "AUDIT_SIGNING_KEY",
    "AUDIT_OLD_SIGNING_KEYS",
    "DEBUG",
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "DATABASE_URL",
]
READ += ["CONSOLE_ENV", "CONSOLE_ENVIRONMENTS", "FEATURE_FLAGS_FILE", "HEROKU_RELEASE_VERSION"]
READ += ["FLAG_CONSOLE_FEATURE_FLAGS_DB", "FLAGS_TTL_SECONDS", "FLAGS_PUSH"]
READ += ["HEROKU_APP_NAME", "HEROKU_APPS", "DYNO"]
READ += ["OFREP_REQUESTS_PER_MINUTE"]
READ += ["PROMOTION_EXPIRY_HOURS", "PROMOTION_FOUR_EYES"]
PRODUCTION = {"SECRET_KEY": "x" * 50, "AUDIT_SIGNING_KEY": "y" * 50, "CONSOLE_ENV": "prod"}
NO_BOOLEAN = ["", " ", "ture", "2", "enabled", "y", "None"]


@pytest.fixture
def start(monkeypatch):
    """The settings as a fresh process with this environment alone would have them."""

    def start_(**environ: str) -> dict:
        for name in READ:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("ENV_FILE", os.devnull)
        for name, text in environ.items():
            monkeypatch.setenv(name, text)
        return runpy.run_path(module.__file__)

    return start_


@pytest.mark.parametrize(
    ("variable", "text"),
    [("DEBUG", text) for text in NO_BOOLEAN]
    + [("FLAG_CONSOLE_FEATURE_FLAGS_DB", text) for text in NO_BOOLEAN]
    + [("FLAGS_PUSH", text) for text in NO_BOOLEAN]
    + [("CONSOLE_ENV", text) for text in ("", "production", "Prod", "prod,staging", "dev")]
    + [("CONSOLE_ENVIRONMENTS", text) for text in (",", "prod,dev", "production", "prod;staging")]
    + [("CONSOLE_ENVIRONMENTS", "staging")]
    + [("FLAGS_TTL_SECONDS", t) for t in ("", "30s", "0", "-1", "31", "nan", "inf", "1e9", "ten")]
    + [("PROMOTION_EXPIRY_HOURS", t) for t in ("", "7d", "0", "-1", "0.5", "8761", "nan", "inf")]
    + [("OFREP_REQUESTS_PER_MINUTE", t) for t in ("", "-1", "100001", "ten", "nan", "600/min")]
    + [("PROMOTION_FOUR_EYES", t) for t in ("on", "1", "High", "medium", "high,all")]
    + [(name, text) for name in ("SECRET_KEY", "AUDIT_SIGNING_KEY") for text in ("", "  ")],
)
def test_a_value_that_is_not_understood_stops_the_start_with_its_name(start, variable, text):
    with pytest.raises(ImproperlyConfigured) as stopped:
        start(**PRODUCTION | {variable: text})
    assert variable in str(stopped.value)


NO_DATABASE = ["nonsense", "://", "foo://x", "mysql://h/d", "sqlite://:memory:", "sqlite://"]
NO_DATABASE += ["postgres//u@h/d", "postgres://u:p@h:port/d"]


@pytest.mark.parametrize("url", NO_DATABASE)
@pytest.mark.filterwarnings("ignore:Engine not recognized")
def test_a_database_that_the_console_cannot_work_on_stops_the_start(start, url):
    with pytest.raises(ImproperlyConfigured) as stopped:
        start(**PRODUCTION | {"DATABASE_URL": url})
    assert "DATABASE_URL" in str(stopped.value)


@pytest.mark.parametrize("variable", ["SECRET_KEY", "AUDIT_SIGNING_KEY", "CONSOLE_ENV"])
def test_production_needs_its_own_key_and_its_environment(start, variable):
    environ = {name: text for name, text in PRODUCTION.items() if name != variable}
    with pytest.raises(ImproperlyConfigured, match=variable):
        start(**environ)
    with pytest.raises(ImproperlyConfigured, match=variable):
        start(**environ, DEBUG="0")


def test_the_password_of_a_database_is_not_told_when_its_url_is_refused(start):
    with pytest.raises(ImproperlyConfigured) as stopped:
        start(**PRODUCTION | {"DATABASE_URL": "postgres://u:hunter2@h:port/d"})
    assert "hunter2" not in str(stopped.value)


def test_production_defaults_are_the_safe_ones(start):
    settings = start(**PRODUCTION)
    assert settings["DEBUG"] is False
    assert settings["ALLOWED_HOSTS"] == []
    assert settings["CONSOLE_ENVIRONMENTS"] == ("prod",)
    assert settings["FLAG_CONSOLE_FEATURE_FLAGS_DB"] is False
    assert settings["FLAGS_TTL_SECONDS"] == 30
    assert settings["FLAGS_PUSH"] is True
    assert settings["SESSION_COOKIE_SECURE"] is True
    assert settings["CSRF_COOKIE_SECURE"] is True


def test_debug_asks_for_nothing_and_shows_both_environments(start):
    settings = start(DEBUG="1")
    assert settings["CONSOLE_ENV"] == "staging"
    assert settings["CONSOLE_ENVIRONMENTS"] == ("prod", "staging")
    assert settings["SECRET_KEY"] and settings["AUDIT_SIGNING_KEY"]
    assert "127.0.0.1" in settings["ALLOWED_HOSTS"]


@pytest.mark.parametrize("text", ["1", "true", "ON", "Yes"])
def test_the_switch_of_the_database_layer_is_read(start, text):
    assert start(**PRODUCTION, FLAG_CONSOLE_FEATURE_FLAGS_DB=text)["FLAG_CONSOLE_FEATURE_FLAGS_DB"]


def test_older_signing_keys_are_a_list(start):
    assert start(**PRODUCTION)["AUDIT_OLD_SIGNING_KEYS"] == []
    keys = start(**PRODUCTION, AUDIT_OLD_SIGNING_KEYS="one, two")["AUDIT_OLD_SIGNING_KEYS"]
    assert keys == ["one", "two"]


def test_a_promotion_waits_a_week_and_takes_one_person_unless_told_otherwise(start):
    settings = start(**PRODUCTION)
    assert (settings["PROMOTION_EXPIRY_HOURS"], settings["PROMOTION_FOUR_EYES"]) == (168, "off")
    asked = {"PROMOTION_EXPIRY_HOURS": "36", "PROMOTION_FOUR_EYES": "high"}
    assert (
        start(**PRODUCTION, **asked).items()
        >= {
            "PROMOTION_EXPIRY_HOURS": 36,
            "PROMOTION_FOUR_EYES": "high",
        }.items()
    )


@pytest.mark.parametrize(("text", "seconds"), [("30", 30), ("0.5", 0.5), ("5", 5)])
def test_the_ttl_may_be_shorter_than_the_runbooks_promise(start, text, seconds):
    assert start(**PRODUCTION, FLAGS_TTL_SECONDS=text)["FLAGS_TTL_SECONDS"] == seconds


def test_the_environments_are_a_list_in_any_order_that_has_its_own(start):
    settings = start(**PRODUCTION, CONSOLE_ENVIRONMENTS=" staging , prod ")
    assert settings["CONSOLE_ENVIRONMENTS"] == ("prod", "staging")


def test_the_flags_file_is_the_shipped_one_unless_another_is_named(start, tmp_path):
    assert start(**PRODUCTION)["FEATURE_FLAGS_FILE"] == (
        Path(module.__file__).parent.parent / "flags" / "feature_flags.yaml"
    )
    elsewhere = tmp_path / "flags.yaml"
    assert start(**PRODUCTION, FEATURE_FLAGS_FILE=str(elsewhere))["FEATURE_FLAGS_FILE"] == elsewhere


def test_without_a_database_url_the_embedded_file_is_used(start):
    database = start(**PRODUCTION)["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert Path(database["NAME"]).name == "db.sqlite3"
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_postgresql_looks_its_host_up_itself_and_is_told_how_long_to_wait(start):
    url = "postgres://console:secret@database:5433/flags?sslmode=require"
    database = start(**PRODUCTION | {"DATABASE_URL": url})["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("database", 5433, "flags")
    assert database["ENGINE"] == "raxxconsole.postgresql"
    assert database["OPTIONS"]["sslmode"] == "require"
    assert database["OPTIONS"]["connect_timeout"] == 5


def test_a_process_that_is_stopped_says_so_on_its_last_line():
    done = manage("check", check=False, DEBUG="ture")
    assert done.returncode != 0
    assert "DEBUG='ture' is not understood" in done.stderr.splitlines()[-1]
