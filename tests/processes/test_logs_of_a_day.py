"""Logs: one JSON object a line, with its request's id, and without anybody's secret."""

import http.client
import json
import re
import subprocess
import sys
from contextlib import contextmanager
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from audit.models import AuditEntry
from tests.codes import code_of, wrong_code
from tests.processes.server import ROOT, environment, free_port, manage, wait_until_it_answers

HOST = "console.example.org"
PASSWORD, GUESS = "the-right-passphrase-77", "a-guessed-passphrase-88"
ASKED = "typed-into-a-search-99"
GIVEN = "router-0123456789"
HOSTILE = ['x"}{"level": "INFO"}', "a b c d e f g h", "%0d%0ainjected-line", "x" * 65]
SETTINGS = """
from raxxconsole.settings import *
ROOT_URLCONF = "logged_urls"
STATIC_ROOT = {static!r}
STORAGES["staticfiles"] = {{"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
"""
URLS = """
from django.urls import path
from raxxconsole.urls import *
def fail(request):
    raise RuntimeError("two lines" + chr(10) + '{"level": "FORGED"}')
urlpatterns = [*urlpatterns, path("fail", fail)]
"""


class Browser:
    """Speaks with gunicorn as the router does that took its request by HTTPS."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.cookies: dict[str, str] = {}
        self.ids: list[str] = []
        self.secrets: set[str] = set()

    def send(self, method: str, path: str, form: dict | None = None, **headers: str):
        headers = {"Host": HOST, "X-Forwarded-Proto": "https", **headers}
        headers["Referer"] = f"https://{HOST}/"
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        connection.request(method, path, urlencode(form or {}), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        for header in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
        self.ids.append(answer.headers["X-Request-ID"])
        tokens = re.findall(r'csrfmiddlewaretoken" value="(\w+)"', text)
        self.secrets |= {*filter(None, self.cookies.values()), *tokens}
        return answer

    def post(self, path: str, **form: str):
        token = next(value for name, value in self.cookies.items() if "csrf" in name)
        return self.send("POST", path, {"csrfmiddlewaretoken": token, **form})


@contextmanager
def gunicorn(tmp_path, output):
    """A production deployment as the Procfile starts it, and a page that fails. Yields its port."""
    (tmp_path / "static").mkdir()
    settings = SETTINGS.format(static=str(tmp_path / "static"))
    (tmp_path / "logged_settings.py").write_text(settings)
    (tmp_path / "logged_urls.py").write_text(URLS)
    production = {"DEBUG": "0", "SECRET_KEY": "k" * 60, "CONSOLE_ENV": "prod"}
    production |= {
        "ALLOWED_HOSTS": f"{HOST},127.0.0.1",
        "SECURE_SSL_REDIRECT": "1",
        "PYTHONPATH": str(tmp_path),
    }
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "raxxconsole.wsgi"),
            *("-c", "python:raxxconsole.gunicorn", "--bind", f"127.0.0.1:{port}"),
        ],
        cwd=ROOT,
        env=environment(DJANGO_SETTINGS_MODULE="logged_settings", **production),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_until_it_answers(process, f"http://127.0.0.1:{port}/healthz")
        yield port
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def day(transactional_db, tmp_path):
    """An operator's requests, good and bad. Returns the browser and all lines of the output."""
    manage("create_operator", "erin", "--role", "superadmin", "--totp", OPERATOR_PASSWORD=PASSWORD)
    device = TOTPDevice.objects.get()
    log = tmp_path / "output"
    with log.open("w") as output, gunicorn(tmp_path, output) as port:
        browser = Browser(port)
        browser.send("GET", "/console/login")
        browser.post("/console/login", username="erin", password=GUESS)
        browser.post("/console/login", username=GUESS, password=PASSWORD)
        browser.post("/console/login", username="erin", password=PASSWORD)
        right, wrong = code_of(device), wrong_code(device)
        browser.secrets |= {right, wrong, PASSWORD, GUESS, device.key, ASKED}
        refused = browser.post("/console/elevate", token=right)
        assert refused.status == 303
        assert browser.post("/console/elevate", token=wrong).status == 403
        assert browser.post("/console/elevate", token=right).status == 429
        form = {"old_password": PASSWORD, "new_password1": GUESS, "new_password2": ASKED}
        browser.post("/console/password_change/", **form)
        browser.send("POST", "/console/flags", {"csrfmiddlewaretoken": "x" * 64, "q": ASKED})
        for path in ("/console/audit", "/console/nowhere", "/none%0d%0a{}", "/fail"):
            browser.send("GET", f"{path}?q={ASKED}&token={right}", **{"X-Request-ID": GIVEN})
        for given in HOSTILE:
            browser.send("GET", "/console/flags", **{"X-Request-ID": given})
        browser.send("GET", "/console/", Host="evil.example")
        browser.post("/console/logout")
    return browser, log.read_text().splitlines()


def test_every_line_of_a_days_output_is_one_json_object_with_its_requests_id(day):
    browser, lines = day
    told = [json.loads(line) for line in lines]
    assert all({"time", "level", "logger", "message", "request_id"} <= set(entry) for entry in told)
    assert {entry["level"] for entry in told} == {"INFO", "WARNING", "ERROR"}

    access = [e for e in told if e["logger"] == "raxxconsole.access" and e["path"] != "/healthz"]
    assert [entry["request_id"] for entry in access] == browser.ids
    assert browser.ids.count(GIVEN) == 4
    assert not {*HOSTILE} & {*browser.ids}
    of_django = [entry for entry in told if entry["logger"].startswith("django.")]
    assert of_django
    assert {entry["request_id"] for entry in of_django} <= {*browser.ids}

    [failed] = [entry for entry in told if "RuntimeError" in entry.get("exc_info", "")]
    assert (failed["level"], failed["request_id"]) == ("ERROR", GIVEN)
    audited = [
        entry.context["request_id"] for entry in AuditEntry.objects.filter(channel="console")
    ]
    assert len(audited) >= 6
    assert {*audited} <= {*browser.ids}


def test_no_line_of_it_has_a_secret_in_it(day):
    browser, lines = day
    assert len(browser.secrets) > 10
    told = "\n".join(lines)
    assert [secret for secret in browser.secrets if secret in told] == []
    digests = [
        value for user in User.objects.all() for value in (user.password, user.email) if value
    ]
    assert [digest for digest in digests if digest in told] == []
