"""/healthz and /readyz: what a load balancer asks, and what a signed-in operator is told."""

import uuid

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from audit import triggers
from raxxconsole import health
from tests.pages import SIGNED_OUT, client_as


@pytest.fixture(autouse=True)
def _nothing_looked_at_yet(monkeypatch):
    """The last answer outlives a test."""
    monkeypatch.setattr(health, "_last", None)


def unapplied_migration(settings, monkeypatch):
    MigrationRecorder(connection).record_unapplied("flags", "0004_service_tokens")


def trigger_off(settings, monkeypatch):
    triggers.uninstall(connection)


def bad_yaml(settings, monkeypatch):
    bad = settings.BASE_DIR / f"no-such-file-{uuid.uuid4()}.yaml"
    settings.FEATURE_FLAGS_FILE = bad


BREAKAGES = pytest.mark.parametrize(
    ("breakage", "name", "cause"),
    [
        (unapplied_migration, "migrations", "flags.0004_service_tokens"),
        (trigger_off, "triggers", "console_audit_log_no_update"),
        (bad_yaml, "yaml", "no-such-file"),
    ],
)


def test_healthz_needs_no_database_at_all():
    """No `db` mark: pytest-django fails a test that asks the database without it."""
    response = Client().get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_readyz_is_200_and_tells_nothing_where_all_is_well(declared):
    for who in ("anonymous", "ops"):
        response = client_as(who).get("/readyz")
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


@BREAKAGES
@pytest.mark.parametrize("who", ["support", "superadmin"])
def test_a_signed_in_caller_is_told_the_cause(
    declared, settings, monkeypatch, breakage, name, cause, who
):
    client = client_as(who)
    breakage(settings, monkeypatch)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert list(response.json()["problems"]) == [name]
    assert cause in response.json()["problems"][name]


@BREAKAGES
@pytest.mark.parametrize("who", [who for who in SIGNED_OUT if who != "unstaffed"])
def test_anyone_else_is_told_that_something_is_wrong_and_no_more(
    declared, settings, monkeypatch, breakage, name, cause, who
):
    client = client_as(who)
    breakage(settings, monkeypatch)
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"status": "unavailable"})


def told(caplog) -> list[str]:
    lines = [each for each in caplog.records if each.name == "raxxconsole.health"]
    assert {each.levelname for each in lines} <= {"WARNING"}
    return [each.getMessage() for each in lines]


@BREAKAGES
def test_the_log_has_the_cause_on_one_line_for_each_look_and_not_for_each_request(
    declared, settings, monkeypatch, caplog, breakage, name, cause
):
    breakage(settings, monkeypatch)
    for _ in range(3):
        assert Client().get("/readyz").status_code == 503
    [line] = told(caplog)
    assert line.startswith(f"/readyz: {name}: ")
    assert cause in line
    monkeypatch.setattr(health, "_last", None)
    Client().get("/readyz")
    assert len(told(caplog)) == 2


def test_the_log_has_all_causes_of_a_look_and_nothing_where_all_is_well(
    declared, settings, monkeypatch, caplog
):
    Client().get("/readyz")
    assert told(caplog) == []
    for breakage in (bad_yaml, trigger_off, unapplied_migration):
        breakage(settings, monkeypatch)
    monkeypatch.setattr(health, "_last", None)
    Client().get("/readyz")
    [line] = told(caplog)
    for cause in ("no-such-file", "console_audit_log_no_update", "flags.0004_service_tokens"):
        assert cause in line


def test_the_log_has_the_drivers_words_on_one_line_and_no_password(db, monkeypatch, caplog):
    """The driver is asked for real: nobody listens there."""
    away, driver_said = connection.copy(), "unable to open"
    away.settings_dict["NAME"] = "/no-such-folder/db.sqlite3"
    if connection.vendor == "postgresql":
        away.settings_dict |= {"PASSWORD": "hunter2", "HOST": "127.0.0.1", "PORT": "1"}
        driver_said = "Connection refused"
    monkeypatch.setattr(health, "connection", away)
    assert Client().get("/readyz").status_code == 503
    [line] = told(caplog)
    assert line.startswith("/readyz: database: the database does not answer; ")
    assert driver_said in line
    assert "\n" not in line
    assert "hunter2" not in line


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("who", ["anonymous", "superadmin"])
def test_readyz_is_503_while_the_database_is_away_and_tells_nobody_the_address(
    declared, monkeypatch, error, who
):
    client = client_as(who)

    def away(*args, **kwargs):
        raise error("could not connect to 10.0.0.7")

    with monkeypatch.context() as patch:
        patch.setattr(BaseDatabaseWrapper, "cursor", away)
        response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"status": "unavailable"})


def test_readyz_looks_once_in_some_seconds(declared, monkeypatch):
    looks = []
    monkeypatch.setattr(health, "_look", lambda: looks.append(1) or {})
    moment = [100.0]
    monkeypatch.setattr(health.time, "monotonic", lambda: moment[0])
    for now in (100.0, 101.0, 104.9, 105.1):
        moment[0] = now
        Client().get("/readyz")
    assert len(looks) == 2


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_asked_by_get(path):
    assert Client().post(path).status_code == 405
