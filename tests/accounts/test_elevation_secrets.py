"""No code, given or not taken, is in the audit log or in a line of the process's log."""

import json
import logging
import re

import pytest

from accounts.enrolment import renew_codes
from audit.models import AuditEntry
from raxxconsole import logs
from tests.accounts.conftest import NOW
from tests.codes import ELEVATE, code_of, enrolled, give, wrong_code
from tests.conftest import client_of, console_actor

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def client(ops):
    return client_of(ops, raise_request_exception=False)


@pytest.fixture
def codes(ops, client, clock):
    """A good TOTP code, a good recovery code, and a wrong one of each."""
    device = enrolled(ops)
    recovery = renew_codes(ops, actor=console_actor(ops, elevated=True), now=NOW)[0]
    return [code_of(device), recovery, wrong_code(device), "BBBB-BBBB-BBBB-BBBB"]


def lines_of(caplog) -> list[str]:
    lines = [logs.Formatter().format(record) for record in caplog.records]
    assert any("/console/elevate" in line for line in lines)
    return lines


def with_any(codes: list[str], lines: list[str]) -> list[str]:
    """Those of the lines in which one of the codes stands."""
    standing = re.compile(rf"(?<!\w)({'|'.join(codes)})(?!\w)", re.IGNORECASE)
    return [line for line in lines if standing.search(line)]


@pytest.fixture(autouse=True)
def _every_line(caplog):
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("seconds_between", [0, 5])
def test_codes_taken_or_not_are_in_no_log(client, codes, clock, caplog, times, seconds_between):
    statuses = []
    for code in codes * times:
        statuses.append(give(client, code).status_code)
        clock.shift(seconds_between)
    assert statuses[:3] == [303, 303, 403]
    rows = [json.dumps(row, default=str) for row in AuditEntry.objects.values()]
    assert len(rows) > len(codes) * times
    assert with_any(codes, rows + lines_of(caplog)) == []


@pytest.mark.parametrize(
    "broken", ["views.elevation.render_page", "proofs.record_about", "proofs._spend"]
)
def test_codes_of_a_request_that_fails_are_in_no_log(
    client, codes, clock, caplog, monkeypatch, broken
):
    monkeypatch.setattr(f"accounts.{broken}", lambda *args, **kwargs: 1 / 0)
    monkeypatch.setattr("accounts.sessions.rotate", lambda *args, **kwargs: 1 / 0)
    for code in codes:
        assert give(client, code).status_code == 500
        clock.shift(900)
    rows = [json.dumps(row, default=str) for row in AuditEntry.objects.values()]
    lines = lines_of(caplog)
    assert sum("ZeroDivisionError" in line for line in lines) == len(codes)
    assert with_any(codes, rows + lines) == []


@pytest.mark.parametrize("method", ["get", "put"])
@pytest.mark.parametrize("fails", [False, True])
def test_a_code_that_came_in_an_address_is_in_no_log(
    client, codes, caplog, monkeypatch, method, fails
):
    if fails:
        monkeypatch.setattr("accounts.views.elevation._form", lambda *args, **kwargs: 1 / 0)
    for code in codes:
        getattr(client, method)(f"{ELEVATE}?token={code}")
    assert with_any(codes, lines_of(caplog)) == []
