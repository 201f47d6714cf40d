"""`flags.is_on()` in a Django project that is not the console, and has no database."""

import pytest

from tests.flags.client.fake_console import TOKEN, console
from tests.processes.server import program

_PROJECT = """
import sys
import django
from django.conf import settings
from django.http import JsonResponse
from django.urls import path

def view(request):
    return JsonResponse({"on": flags.is_on("console_billing")})

urlpatterns = [path("", view)]
settings.configure(
    ROOT_URLCONF="__main__",
    ALLOWED_HOSTS=["testserver"],
    INSTALLED_APPS=["flags.reader"],
    FLAGS_URL=sys.argv[1],
    FLAGS_TOKEN=sys.argv[2],
    FLAGS_TTL_SECONDS=float(sys.argv[3]) if sys.argv[3:] else 0.3,
    SECRET_KEY="x",
    TEMPLATES=[
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
    ],
)
django.setup()
import flags
from django.apps import apps
from django.core.checks import run_checks
from django.test import Client
"""


def _run(source: str, *arguments: str) -> list[str]:
    with program(_PROJECT + source, *arguments, DJANGO_SETTINGS_MODULE="") as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out.splitlines()


@pytest.fixture
def server():
    with console() as running:
        running.says(console_billing=True)
        yield running


def test_it_is_fed_over_http_and_drags_in_no_model_no_database_and_no_other_room(server):
    source = """
print(Client().get("/").json(), flags.explain("console_billing").layers)
foreign = ("audit", "accounts", "promotions", "raxxconsole", "psycopg2")
print([name for name in sys.modules if name.split(".")[0] in foreign or name == "flags.models"])
print(apps.get_models(), run_checks())
"""
    assert _run(source, server.url, TOKEN) == [
        "{'on': True} {'db': True, 'env': None, 'yaml': False}",
        "[]",
        "[] []",
    ]


def test_templates_views_and_tests_ask_it_as_in_the_console(server):
    source = """
from django.http import Http404
from django.template import engines
from flags.decorators import flag_required
from flags.testing import override_flag

template = engines["django"].from_string(
    "{% load flags %}{% if_flag 'console_billing' %}on{% else %}off{% endif_flag %}"
)
guarded = flag_required("console_billing")(view)

def status():
    try:
        return guarded(None).status_code
    except Http404:
        return 404

print(template.render(), status())
with override_flag("console_billing", False):
    print(template.render(), status(), flags.is_on("console_billing"))
print(template.render(), status())
"""
    assert _run(source, server.url, TOKEN) == ["on 200", "off 404 False", "on 200"]


def test_each_request_sees_to_it_that_values_are_fresh(server):
    source = """
from flags import runtime
Client().get("/")
first = runtime.store()._keeper._refresher
first.due = 0.0
Client().get("/")
print(first is not runtime.store()._keeper._refresher, first.is_ended)
"""
    assert _run(source, server.url, TOKEN) == ["True True"]


@pytest.mark.parametrize(
    ("url", "token", "ttl"),
    [
        ("http://console.example.com", TOKEN, "0.3"),
        ("http://127.0.0.1:9", "", "0.3"),
        ("http://127.0.0.1:9", TOKEN, "31"),
    ],
)
def test_a_console_that_cannot_be_asked_is_found_by_a_check(url, token, ttl):
    source = """
[found] = run_checks()
print(found.id, sys.argv[2] == "" or sys.argv[2] not in str(found))
try:
    flags.is_on("console_billing")
except Exception as error:
    print(type(error).__name__)
"""
    assert _run(source, url, token, ttl) == ["flags.E010 True", "ImproperlyConfigured"]


def test_its_tests_ask_nobody_and_find_a_mistyped_key():
    done = """
from flags.testing import inline_store, override_flag
with inline_store():
    print(flags.is_on("console_flag_mgmt"), flags.is_on("console_billing"))
    with override_flag("console_billing", True):
        print(flags.is_on("console_billing"))
    try:
        flags.is_on("console_biling")
    except flags.UndeclaredFlag:
        print("undeclared")
"""
    nobody = "http://127.0.0.1:9"
    assert _run(done, nobody, TOKEN) == ["True False", "True", "undeclared"]


def test_without_an_address_the_first_question_names_the_settings():
    done = """
from django.core.exceptions import ImproperlyConfigured
try:
    flags.is_on("console_billing")
except ImproperlyConfigured as error:
    print("FLAGS_URL" in str(error))
"""
    for said in ("", 'settings.CONSOLE_ENV = "prod"'):
        assert _run(said + done, "", TOKEN) == ["True"]


def test_its_stubs_are_written_by_the_same_command(tmp_path):
    done = """
from django.core.management import call_command
call_command("flag_stubs", "--output", sys.argv[4], stdout=sys.stderr)
"""
    _run(done, "http://127.0.0.1:9", TOKEN, "1", str(tmp_path))
    assert "console_billing" in (tmp_path / "flags" / "__init__.pyi").read_text()
