"""The flags page: what each row says of its flag, and what stands around the table."""

import re

import pytest
from django.db import connection

from flags.models import DeclaredFlag, FeatureFlag
from flags.services import flip
from flags.state import read_state
from tests.conftest import client_of, console_actor
from tests.pages import FLAGS, LOW, MEDIUM, client_as, flip_url, rows_of, text_of

pytestmark = pytest.mark.usefixtures("declared")
# Runbook, section 6, option A.
BREAK_GLASS = """UPDATE console_feature_flags SET value=1, updated_at=CURRENT_TIMESTAMP
WHERE flag_key='{key}' AND env='{env}';"""


def turn(user, key: str = LOW, value: bool = True, env: str = "staging") -> None:
    """What this operator does on the page."""
    actor = console_actor(user, elevated=True)
    flip(key, env, value, actor=actor, seen=read_state(key, env).seen)


def cell(response, key: str, column: str) -> str:
    """The words in one column of a flag's row."""
    html = response.content.decode()
    row = re.search(rf'<tr id="flag-{key}".*?</tr>', html, re.DOTALL).group()
    words = re.search(rf'<t[dh][^>]*class="field-{column}".*?</t[dh]>', row, re.DOTALL).group()
    return " ".join(re.sub(r"<[^>]*>", " ", words).split())


def in_environment(client, env: str):
    client.post("/console/env", {"env": env})
    return client.get(FLAGS)


@pytest.mark.parametrize("env", ["staging", "prod"])
def test_every_declared_flag_of_the_active_environment_is_listed_once(env):
    DeclaredFlag.objects.filter(env="prod", flag_key=MEDIUM).delete()
    rows = rows_of(in_environment(client_as("ops"), env))
    listed = set(DeclaredFlag.objects.filter(env=env).values_list("flag_key", flat=True))
    assert set(rows) == listed
    assert len(rows) == (12 if env == "staging" else 11)


def test_a_flag_that_nobody_flipped_says_so():
    page = client_as("ops").get(FLAGS)
    assert cell(page, LOW, "last_change") == "never flipped"


def test_a_flipped_flag_says_who_changed_it_last_and_when(superadmin, ops):
    turn(superadmin)
    turn(ops, value=False)
    assert re.fullmatch(r"bob \d s ago", cell(client_of(ops).get(FLAGS), LOW, "last_change"))


def test_a_flip_in_one_environment_says_nothing_of_the_other(ops):
    turn(ops, env="prod")
    client = client_of(ops)
    assert cell(in_environment(client, "staging"), LOW, "last_change") == "never flipped"
    assert cell(in_environment(client, "prod"), LOW, "last_change").startswith("bob ")


def test_after_the_runbooks_update_the_last_change_is_outside_the_console(ops):
    turn(ops, value=False)
    with connection.cursor() as cursor:
        cursor.execute(BREAK_GLASS.format(key=LOW, env="staging"))
    page = client_of(ops).get(FLAGS)
    assert rows_of(page)[LOW]["data-value"] == "on"
    assert cell(page, LOW, "last_change").startswith("changed outside the console")
    assert "bob" not in cell(page, LOW, "last_change")


def test_after_an_update_to_the_value_that_it_had_nothing_was_changed_outside_the_console(ops):
    """Whatever it says of the moment: the log knows when the row got its value, and from whom."""
    turn(ops)
    FeatureFlag.objects.update(updated_at="2026-01-02T03:04:05Z")
    with connection.cursor() as cursor:
        cursor.execute(BREAK_GLASS.format(key=LOW, env="staging"))
    assert re.fullmatch(r"bob \d s ago", cell(client_of(ops).get(FLAGS), LOW, "last_change"))


def test_a_row_that_raw_sql_inserted_was_changed_outside_the_console():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO console_feature_flags (flag_key, env, value) VALUES (%s, 'staging', 1)",
            [LOW],
        )
    page = client_as("ops").get(FLAGS)
    assert (rows_of(page)[LOW]["data-value"], rows_of(page)[LOW]["data-source"]) == ("on", "db")
    assert cell(page, LOW, "last_change").startswith("changed outside the console")


@pytest.mark.parametrize(
    ("row", "config_var", "shown"),
    [
        (None, None, ""),
        (True, None, "YAML default is off"),
        (False, None, ""),
        (None, "on", "YAML default is off"),
        (None, "off", ""),
        (True, "off", "config var says off: dormant YAML default is off"),
        (False, "on", "config var says on: dormant"),
        (True, "perhaps", "config var is ignored: no boolean YAML default is off"),
    ],
)
def test_a_row_says_what_it_shadows(ops, monkeypatch, row, config_var, shown):
    if config_var:
        monkeypatch.setenv("FLAG_CONSOLE_BILLING", config_var)
    if row is not None:
        turn(ops, value=row)
    assert cell(client_of(ops).get(FLAGS), LOW, "shadows") == shown


def test_of_the_other_environment_the_env_layer_is_not_known_here(monkeypatch):
    monkeypatch.setenv("FLAG_CONSOLE_BILLING", "on")
    client = client_as("ops")
    page = in_environment(client, "prod")
    assert rows_of(page)[LOW]["data-source"] == "yaml"
    assert rows_of(page)[LOW]["data-value"] == "off"
    assert cell(page, LOW, "shadows") == "env layer not known here"
    assert "the env layer is not known here" in text_of(page)
    assert "not known here" not in text_of(in_environment(client, "staging"))


def test_the_other_environments_defaults_are_its_own_declared_rows():
    DeclaredFlag.objects.filter(env="prod", flag_key=LOW).update(default_value=True, risk="high")
    row = rows_of(in_environment(client_as("ops"), "prod"))[LOW]
    assert (row["data-value"], row["data-risk"]) == ("on", "high")


def test_while_the_database_layer_is_off_the_page_says_so_and_rows_are_dormant(ops, settings):
    turn(ops)
    client = client_of(ops)
    assert "database layer is off" not in text_of(client.get(FLAGS))
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    page = client.get(FLAGS)
    assert "The database layer is off (FLAG_CONSOLE_FEATURE_FLAGS_DB is not 1)" in text_of(page)
    assert (rows_of(page)[LOW]["data-value"], rows_of(page)[LOW]["data-source"]) == ("off", "yaml")
    assert cell(page, LOW, "shadows") == "DB row says on: dormant, the DB layer is off"


def test_a_list_that_is_out_of_step_with_the_yaml_file_says_so():
    client = client_as("ops")
    assert "out of step" not in text_of(client.get(FLAGS))
    DeclaredFlag.objects.filter(env="staging", flag_key=LOW).delete()
    DeclaredFlag.objects.filter(env="staging", flag_key=MEDIUM).update(risk="high")
    said = text_of(client.get(FLAGS))
    assert "out of step with the YAML file" in said
    assert LOW in said
    assert MEDIUM in said
    assert "manage.py sync_flags" in said


def test_a_post_that_asks_for_nothing_shows_the_same_page_as_a_get():
    client = client_as("ops")
    shown, posted = client.get(FLAGS), client.post(FLAGS)
    assert rows_of(posted) == rows_of(shown)
    assert "layer is off" not in text_of(posted)


@pytest.mark.parametrize("env", ["staging", "prod"])
def test_a_db_row_without_a_declaration_is_listed_as_an_orphan_and_cannot_be_flipped(ops, env):
    FeatureFlag.objects.create(flag_key="gone_flag", env=env, value=1)
    client = client_of(ops)
    page = in_environment(client, env)
    orphan = re.search(r'<tr data-orphan="gone_flag">.*?</tr>', page.content.decode(), re.DOTALL)
    assert "<td>on</td>" in orphan.group()
    assert "outside the console" in orphan.group()
    assert "gone_flag" not in rows_of(page)
    fields = {"to": "off", "env": env, "seen": "db::1"}
    assert client.post(flip_url("gone_flag"), fields).status_code == 404


def test_an_orphan_of_one_environment_is_none_of_the_other(ops):
    FeatureFlag.objects.create(flag_key="gone_flag", env="prod", value=1)
    assert "gone_flag" not in text_of(client_of(ops).get(FLAGS))


def test_what_people_write_is_shown_as_text():
    nasty = "<script>alert('x')</script>"
    DeclaredFlag.objects.filter(env="prod", flag_key=LOW).update(description=nasty)
    html = in_environment(client_as("ops"), "prod").content.decode()
    assert nasty not in html
    assert "&lt;script&gt;alert" in html
