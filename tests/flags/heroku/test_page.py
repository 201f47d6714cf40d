"""GET /console/config-vars: who sees it, what it shows, and that stored texts stay texts."""

import shlex
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from flags.gate import GATE
from flags.heroku.table import App
from flags.models import ConfigVar
from tests.flags.heroku.reporting import API, CONSOLES, KEY, VAR, pin, take
from tests.flags.test_flags_page import turn
from tests.pages import EVERYONE, FLAGS, SEE_FLAGS, SIGNED_OUT, client_as, nothing_changed, text_of

PAGE = "/console/config-vars"
LINK = f'href="{PAGE}"'


@pytest.mark.parametrize("who", EVERYONE)
def test_who_sees_flags_sees_it_and_nobody_else(declared, who):
    client = client_as(who)
    with nothing_changed():
        response = client.get(PAGE)
    expected = 200 if who in SEE_FLAGS else 302 if who in SIGNED_OUT else 403
    assert response.status_code == expected
    assert (VAR in text_of(response)) is False
    index = client.get("/console/").content.decode()
    assert (LINK in index) is (who in SEE_FLAGS)


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_it_only_shows(declared, method):
    assert getattr(client_as("superuser"), method)(PAGE).status_code == 405


def test_before_any_report_it_says_so_and_how_to_see_each_app(declared):
    page = client_as("ops").get(PAGE)
    text = text_of(page)
    assert "No app reported a config var of a declared flag." in text
    assert "Ready to be removed" not in text
    for app in (*CONSOLES.values(), *API.values()):
        pipe = f"heroku config --json --app {app} | python manage.py import_config_vars --app {app}"
        assert pipe in text
    assert page.content.decode().count('data-seen="no"') == 4


def test_it_shows_variables_apps_and_strays(declared, monkeypatch):
    monkeypatch.setenv("FLAG_OLD_NAME", "hunter2")
    take({KEY: True})
    take({KEY: None}, app=API["prod"], switch=None, imported=True)
    page = client_as("ops").get(PAGE)
    text, html = text_of(page), page.content.decode()
    assert f'data-app="{CONSOLES["prod"]}" data-env="prod" data-seen="yes"' in html
    assert "read in by hand" in text
    assert 'data-stray="FLAG_OLD_NAME"' in html
    assert "hunter2" not in html
    assert "no boolean" in text
    assert f'href="{FLAGS}/{KEY}"' in html


def test_it_opens_while_the_gate_is_closed(superadmin):
    client = client_as("ops")
    turn(superadmin, GATE, False)
    assert client.get(FLAGS).status_code == 404
    assert client.get(PAGE).status_code == 200


def test_stored_texts_stay_texts(declared):
    now = timezone.now()
    hostile = "<script>alert(1)</script>' \" & $(id)"
    for removed_at in (None, now):
        ConfigVar.objects.create(
            app=hostile,
            env="staging" if removed_at else "prod",
            flag_key=f"{hostile}/../{KEY}",
            value=True,
            first_seen_at=now,
            last_seen_at=now,
            removed_at=removed_at,
        )
    take({KEY: True}, app=hostile, imported=True, now=now)
    page = client_as("ops").get(PAGE)
    html = page.content.decode()
    assert page.status_code == 200
    assert "<script>alert" not in html
    assert hostile in unescape(html)
    # No link to a page that there is not.
    assert html.count(f'href="{FLAGS}/') == 1
    assert client_as("superadmin").get(f"{FLAGS}/{KEY}").status_code == 200


def test_how_many_queries_it_takes_does_not_depend_on_how_much_there_is(declared):
    client = client_as("ops")
    take({KEY: True})
    pin(KEY, "prod", True)
    client.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        client.get(PAGE)
    keys = ["console_customer_notes", "raptor_cursor_paging", "email_digest_weekly"]
    for env in CONSOLES:
        take(dict.fromkeys([KEY, *keys], True), app=CONSOLES[env], env=env)
        take(dict.fromkeys(keys, False), app=API[env], env=env, imported=True)
        for key in keys:
            pin(key, env, True)
    with CaptureQueriesContext(connection) as many:
        page = client.get(PAGE)
    assert page.content.decode().count("data-config-var=") == 14
    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("app", "env", "typed"),
    [
        ("raxx-api-prod", "prod", ["raxx-api-prod"]),
        ("raptor", "prod", ["raptor", "--env", "prod"]),
        ("odd-prod", "staging", ["odd-prod", "--env", "staging"]),
        ("x; id #-prod", "prod", ["x; id #-prod"]),
    ],
)
def test_the_command_that_reads_an_app_in_is_one_that_works(app, env, typed):
    heroku, python = App(app, env, None).look.split(" | ")
    assert shlex.split(heroku) == ["heroku", "config", "--json", "--app", app]
    assert shlex.split(python) == ["python", "manage.py", "import_config_vars", "--app", *typed]


def test_an_app_that_was_read_in_has_the_command_to_do_it_again(declared):
    take({}, app=API["prod"], imported=True)
    text = text_of(client_as("ops").get(PAGE))
    assert "read in by hand. Again: heroku config --json --app raxx-api-prod |" in text


def test_of_a_variable_that_is_gone_nothing_is_missing(declared):
    pin(KEY, "prod", True)
    take({KEY: True})
    assert "prod: row since audit row" in text_of(client_as("ops").get(PAGE))
    take({})
    text = text_of(client_as("superadmin").get(PAGE))
    assert "nothing: it is gone" in text
    assert "row since audit row" not in text
