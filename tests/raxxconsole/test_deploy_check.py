"""`manage.py check --deploy` is content with a production deployment, and with no other."""

import subprocess

import pytest

from tests.processes.server import manage

pytestmark = pytest.mark.django_db(transaction=True)
CHECK = ("check", "--deploy", "--fail-level", "WARNING")
PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": "Nq4-wZ8_tR2!kV6^pL0*hS9+xC3@bM7=gF1~jD5?yT8&aW2%uE6$oI0#rQ4",
    "AUDIT_SIGNING_KEY": "uV4-kZ1_wR9!nV3^qL7*jS5+zC8@cM2=hF6~kD0?",
    "CONSOLE_ENV": "prod",
    "CONSOLE_ENVIRONMENTS": "prod",
    "ALLOWED_HOSTS": "console.example.org",
}


@pytest.fixture(autouse=True)
def _as_shipped(monkeypatch):
    """The test run's own exception for the plain HTTP of Django's test client."""
    monkeypatch.delenv("SECURE_SSL_REDIRECT")


def check(**extra: str) -> subprocess.CompletedProcess[str]:
    environ = {"FLAG_CONSOLE_FEATURE_FLAGS_DB": "1", **PRODUCTION, **extra}
    return manage(*CHECK, check=False, **environ)


def test_a_production_deployment_has_no_issue():
    done = check()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "System check identified no issues (0 silenced).\n"


def test_nor_with_the_checks_of_the_database():
    done = manage(*CHECK, "--database", "default", check=False, **PRODUCTION)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ({"DEBUG": "1"}, "security.W018"),
        ({"SECRET_KEY": "short"}, "security.W009"),
        ({"SECRET_KEY": "x" * 60}, "security.W009"),
        ({"AUDIT_SIGNING_KEY": "x" * 31}, "audit.W001"),
        ({"AUDIT_SIGNING_KEY": PRODUCTION["SECRET_KEY"]}, "audit.W001"),
        ({"ALLOWED_HOSTS": ""}, "security.W020"),
        ({"SECURE_SSL_REDIRECT": "0"}, "security.W008"),
    ],
    ids=lambda value: str(value),
)
def test_it_is_not_content_with_less(extra, told):
    done = check(**extra)
    assert done.returncode != 0
    assert told in done.stderr


@pytest.mark.parametrize("variable", ["SECRET_KEY", "AUDIT_SIGNING_KEY", "CONSOLE_ENV"])
def test_what_has_no_default_is_asked_for_by_name(variable):
    done = check(**{variable: ""})
    assert done.returncode != 0
    assert variable in done.stderr.splitlines()[-1]
