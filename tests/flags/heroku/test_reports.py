"""Reports of config vars: what is kept of them, what the log says, and what is never kept."""

import json
import os
from datetime import timedelta
from itertools import pairwise

import pytest
from django.apps import apps
from django.core import serializers
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from flags import config_vars
from flags.config_vars import SWITCH, SWITCH_KEY
from flags.heroku.deprecation import lines
from flags.heroku.reported import console_of, everyone
from flags.heroku.table import read_table
from flags.models import ConfigVar, ConfigVarReport
from tests.flags.heroku.reporting import CONSOLES, KEY, audited, release, take, told
from tests.pages import FLAGS, client_as
from tests.processes.server import program

PROD = CONSOLES["prod"]
SECRET = "hunter2-and-nobody-else"


def kept(app: str = PROD) -> dict[str, tuple[bool | None, bool]]:
    """What is kept of an app's variables: value, and whether it is set."""
    found = ConfigVar.objects.filter(app=app).exclude(flag_key=SWITCH_KEY)
    return {var.flag_key: (var.value, var.removed_at is None) for var in found}


# --- which variables are told of ---------------------------------------------------------------


def test_variables_of_declared_flags_and_the_switch_are_told_of_and_no_others():
    environ = {
        "FLAG_A": "on",
        "FLAG_B": "no",
        "FLAG_C": SECRET,
        "FLAG_NOT_DECLARED": "on",
        "flag_a": "off",
        "A": "on",
        SWITCH: "1",
        "SECRET_KEY": SECRET,
    }
    told_of = config_vars.reported(["a", "b", "c", "d"], environ)
    assert told_of == {"a": True, "b": False, "c": None, SWITCH_KEY: True}


def test_strays_are_set_names_that_no_declared_flag_has_and_never_the_switch():
    environ = dict.fromkeys(
        [*("FLAG_B", "FLAG_A", SWITCH, "FLAG_", "FLAG_A B", "FLAG_A\0", "FLAG_X;id", "flag_z")], "1"
    )
    environ |= {"FLAG_" + "X" * 101: "1", "FLAG_ä": "1", "FLAG_mixed": "1"}
    assert config_vars.strays(["a"], environ) == ["FLAG_B", "FLAG_mixed"]


@given(st.from_regex(r"[a-z][a-z0-9_]{0,99}", fullmatch=True))
def test_a_variable_speaks_for_the_key_that_it_is_named_after(key):
    assert config_vars.keys_of([config_vars.name_of(key)]) == [key]


def test_a_variable_in_other_letters_speaks_for_no_flag():
    assert config_vars.keys_of(["FLAG_Console_billing", "FLAG_X"]) == ["x"]


# --- what is kept --------------------------------------------------------------------------------


def test_new_changed_unchanged_removed_and_returned(db):
    at = [timezone.now() + timedelta(hours=hour) for hour in range(6)]
    done = take({"a": True, "b": False}, now=at[0])
    assert (done.new, done.changed, done.removed) == ([*"ab", SWITCH_KEY], [], [])
    done = take({"a": True, "b": True}, now=at[1])
    assert (done.unchanged, done.changed, done.new) == (["a", SWITCH_KEY], ["b"], [])
    assert str(done) == f"changed: FLAG_B; as before: FLAG_A, {SWITCH}"
    done = take({"b": None}, now=at[2])
    assert (done.removed, done.changed) == (["a"], ["b"])
    assert kept() == {"a": (True, False), "b": (None, True)}
    done = take({"b": None}, now=at[3])
    assert (done.removed, done.unchanged) == ([], ["b", SWITCH_KEY])
    done = take({"a": True, "b": None}, now=at[4])
    assert (done.new, done.unchanged) == (["a"], ["b", SWITCH_KEY])

    a, b = ConfigVar.objects.exclude(flag_key=SWITCH_KEY).order_by("flag_key")
    assert (a.first_seen_at, a.last_seen_at, a.removed_at) == (at[4], at[4], None)
    assert (b.first_seen_at, b.last_seen_at) == (at[2], at[4])
    report = ConfigVarReport.objects.get()
    assert (report.first_at, report.last_at, report.imported) == (at[0], at[4], False)
    seen, removed = "console.config_var.seen", "console.config_var.removed"
    in_prod = {"env": "prod", "app": PROD}
    assert audited() == [
        (seen, "a", {"flag": "a", "value": True, **in_prod}),
        (seen, "b", {"flag": "b", "value": False, **in_prod}),
        (seen, SWITCH_KEY, {"flag": SWITCH_KEY, "value": True, **in_prod}),
        (seen, "b", {"flag": "b", "value": True, **in_prod}),
        (seen, "b", {"flag": "b", "value": None, **in_prod}),
        (removed, "a", {"flag": "a", "value": True, **in_prod}),
        (seen, "a", {"flag": "a", "value": True, **in_prod}),
    ]


def test_a_variable_that_is_set_but_declared_no_more_is_not_taken_for_removed(db):
    take({"a": True})
    assert take({}, still_set=("a", "never_known")).removed == []
    assert kept() == {"a": (True, True)}
    assert take({}).removed == ["a"]


def test_apps_and_environments_are_kept_apart(db):
    take({"a": True})
    take({"a": False}, app="raxx-api-prod")
    take({}, app=CONSOLES["staging"], env="staging")
    assert kept() == {"a": (True, True)}
    assert kept("raxx-api-prod") == {"a": (False, True)}
    assert console_of("staging").values == {}


def test_what_is_read_in_for_an_app_that_reports_itself_leaves_it_such(db):
    take({"a": True})
    take({"a": False}, imported=True)
    assert ConfigVarReport.objects.get().imported is False
    take({}, app="raxx-api-prod", imported=True)
    assert everyone()["raxx-api-prod", "prod"].report.imported is True
    take({}, app="raxx-api-prod")
    assert everyone()["raxx-api-prod", "prod"].report.imported is False


def test_nothing_else_of_the_environment_reaches_the_database(declared, monkeypatch):
    for name in ("SECRET_KEY_BASE", "DATABASE_PASSWORD", "STRIPE_KEY"):
        monkeypatch.setenv(name, SECRET)
    said = release("staging", {"FLAG_CONSOLE_BILLING": SECRET, f"FLAG_{SECRET}": "1"})
    said += release("staging", {"FLAG_CONSOLE_BILLING": "1", "FLAG_STRAY": SECRET})
    dump = "".join(
        serializers.serialize("json", model.objects.all()) for model in apps.get_models()
    )
    for text in (SECRET, "SECRET_KEY_BASE", "DATABASE_PASSWORD", "STRIPE_KEY", "FLAG_STRAY"):
        assert text in os.environ or text in {SECRET, "FLAG_STRAY"}
        assert text not in dump
    assert SECRET not in said
    assert '"flag_key": "console_billing"' in dump


def test_variables_that_came_without_a_report_are_shown_as_if_read_in(superadmin):
    now = timezone.now()
    times = {"first_seen_at": now, "last_seen_at": now}
    ConfigVar.objects.create(app=PROD, env="prod", flag_key=KEY, value=True, **times)
    hostile = {"app": "<b>|`x`\n", "flag_key": "../<script>alert(1)</script>"}
    ConfigVar.objects.create(env="staging", value=None, **hostile, **times)
    ConfigVar.objects.create(env="prod", value=None, removed_at=now, **hostile, **times)
    client = client_as("ops")
    page = client.get("/console/config-vars")
    assert page.status_code == 200
    assert "<script>alert" not in page.content.decode()
    assert client.get(f"{FLAGS}/{KEY}").status_code == 200
    client.post("/console/env", {"env": "prod"})
    assert 'data-value="on"' in client.get(f"{FLAGS}?q={KEY}").content.decode()
    assert len(json.loads(told("deprecation_table", "--json"))) == 3
    markdown = told("deprecation_table")
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len([line for line in rows if "script" in line.lower()]) == 2
    assert console_of("prod").values == {KEY: True}
    assert [line.told.report.imported for line in lines(now, everyone())] == [True] * 3
    assert "<b>|`x`\n" in {app.name for app in read_table(now).apps}


RACE = """
import sys, django, time
django.setup()
from tests.flags.heroku.reporting import take
print("ready", flush=True)
sys.stdin.readline()
for turn in range(10):
    take({"a": turn % 2 == 0, "b": True})
"""


@pytest.mark.django_db(transaction=True)
def test_two_reports_at_once_give_one_row_each_and_no_audit_row_twice():
    with program(RACE) as one, program(RACE) as other:
        for process in (one, other):
            assert process.stdout.readline() == "ready\n"
        for process in (one, other):
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in (one, other):
            process.communicate(timeout=60)
            assert process.returncode == 0
    assert ConfigVarReport.objects.count() == 1
    assert sorted(ConfigVar.objects.values_list("flag_key", flat=True)) == ["a", "b", SWITCH_KEY]
    rows = audited()
    assert [target for _, target, _ in rows].count("b") == 1
    values = [payload["value"] for _, target, payload in rows if target == "a"]
    assert len(values) >= 10
    # Each row tells of a change: never twice the same in a row.
    assert all(before is not after for before, after in pairwise(values))
