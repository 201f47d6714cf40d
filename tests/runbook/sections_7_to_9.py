"""A flag's first days, a config var's last ones, the sign-off: sections 7, 8 and 9."""

import json
from datetime import timedelta
from io import StringIO

from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from flags.declarations import load
from flags.models import ConfigVar, DeclaredFlag
from promotions.models import Promotion
from tests.conftest import client_of, make_user
from tests.runbook.console import Console, Happened
from tests.runbook.deployments import APPS
from tests.runbook.document import read
from tests.runbook.section_6 import APP, SEEN
from tests.runbook.sections_1_to_5 import KEY, PAGE, line_of, turn
from tests.runbook.table import does, only, prepared

NEW = "my_new_feature"
FILE = "feature_flags.yaml"

# --- 7 Add a flag ---


@prepared(PAGE, "7")
def _a_shell_of_staging(console: Console) -> None:
    console.shell = "raxx-console-staging"
    make_user("alice", Role.SUPERADMIN)


ENTRY = """\
my_new_feature:
  default: false
  soak_period_hours: 24
  description: "one line: what the flag gates"
  risk: low
"""
CODE = """\
import flags

if flags.is_on("my_new_feature"):
    show_the_feature()
"""


@does(PAGE, "7", ENTRY)
def _declared(console: Console, it: Happened) -> None:
    only(it)
    found = load(console.directory / FILE)[NEW]
    assert (found.default, found.soak_period_hours, found.risk) == (False, 24, "low")


@does(PAGE, "7", "python manage.py check")
def _the_file_is_sound(console: Console, it: Happened) -> None:
    only(it)
    assert "no issues" in it.out


@does(PAGE, "7", CODE)
def _the_default_answers(console: Console, it: Happened) -> None:
    only(it)
    assert it.answer is False
    assert console.source(NEW, "staging") == "yaml"


@does(PAGE, "7", "python manage.py sync_flags")
def _listed_in_staging_then_in_prod(console: Console, it: Happened) -> None:
    assert (it.rows, it.calls) == ({}, [])
    assert f"staging: added: {NEW}" in it.out
    declared = DeclaredFlag.objects.filter(flag_key=NEW)
    assert [flag.env for flag in declared] == ["staging"]
    console.release("raxx-console-prod")


@does(PAGE, "7", 'python manage.py flag_flip my_new_feature on --env staging --reason "<why>"')
def _on_in_staging_then_marked_soaked_and_promoted(console: Console, it: Happened) -> None:
    only(it, rows={(NEW, "staging"): True}, acts=[("flag.flip", "cli")])
    assert console.runs_code(CODE)
    assert not console.is_on(NEW, "prod")
    _step(_page("staging"), f"/console/flags/{NEW}/mark-promote", env="staging")
    promotion = Promotion.objects.get()
    assert promotion.soak_ends_at - promotion.marked_at == timedelta(hours=24)
    click = f"/console/promotions/{promotion.pk}/promote"
    assert _page("prod").post(click, {"env": "prod"}).status_code == 409
    console.pass_time(timedelta(hours=24))
    _step(_page("prod"), click, env="prod")


def _page(env: str) -> Client:
    """Alice's browser, signed in anew, with that environment active."""
    client = client_of(User.objects.get(username="alice"))
    _step(client, "/console/env", env=env, next="/console/flags")
    return client


def _step(client: Client, address: str, **fields: str) -> None:
    answer = client.post(address, fields)
    assert answer.status_code in (200, 302, 303), answer.content.decode()


@does(PAGE, "7", "python manage.py flag_status my_new_feature --env prod")
def _prod_has_it_from_a_row(console: Console, it: Happened) -> None:
    only(it)
    assert line_of(it, NEW)[:4] == [NEW, "prod", "on", "db"]
    assert console.is_on(NEW, "prod")


# --- 8 When to remove a config var ---


@prepared(PAGE, "8")
def _the_day_before(console: Console) -> None:
    """Set everywhere; staging has its row already."""
    console.travel(timezone.now() - timedelta(hours=25))
    apps = console.apps()
    for app in APPS:
        apps[app]["FLAG_CONSOLE_BILLING"] = "1"
    console.write_apps(apps)
    turn(KEY, "staging", True)
    for app in APPS:
        console.release(app)


def table(console: Console) -> dict[str, str]:
    """The state of the config var by app, as programs are told."""
    with console.deployment(APP):
        call_command("deprecation_table", "--format", "json", stdout=(told := StringIO()))
    return {line["app"]: line["state"] for line in json.loads(told.getvalue())}


@does(PAGE, "8", "python manage.py deprecation_table")
def _what_decides_and_what_is_dormant(console: Console, it: Happened) -> None:
    only(it)
    assert table(console) == {APP: "active", "raxx-console-staging": "dormant"}
    for app, state in table(console).items():
        env = app.removeprefix("raxx-console-")
        assert f"| `FLAG_CONSOLE_BILLING` | {app} | {env} | on | {state} |" in it.out
    assert it.out.count("cannot be seen") == 2


@does(PAGE, "8", 'python manage.py flag_flip <flag_key> on --env <env> --reason "<why>"')
def _pinned_and_a_day_later_ready(console: Console, it: Happened) -> None:
    only(it, rows={(KEY, "prod"): True}, acts=[("flag.flip", "cli")])
    assert it.out == "console_billing pinned on in prod.\n"
    assert set(table(console).values()) == {"soaking"}
    console.pass_time(timedelta(hours=25))
    assert set(table(console).values()) == {"ready"}


IMPORT = "heroku config --json --app {0} | python manage.py import_config_vars --app {0}"


def _is_read_in(app: str):
    def check(console: Console, it: Happened) -> None:
        assert (it.rows, it.acts) == ({}, [SEEN])
        assert it.calls == [["config", "--json", "--app", app]]
        kept = ConfigVar.objects.filter(app=app).values_list("flag_key", "value")
        assert list(kept) == [(KEY, True)]
        assert it.audit[0].payload["app"] == app
        # Raptor's apps read no rows, so there the variable decides as long as it is set.
        assert table(console)[app] == "active"

    return check


for _app in ("raxx-api-prod", "raxx-api-staging"):
    does(PAGE, "8", IMPORT.format(_app))(_is_read_in(_app))


def _is_removed_from(app: str):
    def check(console: Console, it: Happened) -> None:
        call = ["config:unset", "FLAG_CONSOLE_BILLING", "--app", app]
        only(it, acts=[("config_var.removed", "cli")], calls=[call])
        assert (it.out, it.err) == ("", "")
        assert table(console)[app] == "removed"
        assert console.is_on(KEY, app.removeprefix("raxx-console-"))

    return check


for _app in ("raxx-console-prod", "raxx-console-staging"):
    _call = f"heroku config:unset FLAG_<FLAG_KEY> --app {_app} >/dev/null 2>&1"
    does(PAGE, "8", _call)(_is_removed_from(_app))

DOCUMENT = "docs/ops/feature-flags-heroku-deprecation.md"


@does(PAGE, "8", f"python manage.py deprecation_table --format md > {DOCUMENT}")
def _written_into_the_repository(console: Console, it: Happened) -> None:
    only(it)
    text = (console.directory / DOCUMENT).read_text()
    assert text.startswith("# Config vars on their way out\n")
    assert text.count("| removed |") == 3  # a line an app, and the column's head


# --- 9 Sign-off checklist ---


@does(PAGE, "9", "python manage.py ga_checklist", status=1)
def _each_item_with_its_evidence(console: Console, it: Happened) -> None:
    only(it)
    section = read(PAGE).partition("\n## 9 ")[2].partition("\n## ")[0]
    items = [line for line in section.splitlines() if line[:1].isdigit()]
    verdicts = [line for line in it.out.splitlines() if line[:1].isdigit()]
    assert [line.split(".")[0] for line in verdicts] == [line.split(".")[0] for line in items]
    assert verdicts[0].startswith("1. PASS")
    # No flag was ever flipped here, and Raptor's apps were not read in.
    assert verdicts[3].startswith("4. FAIL")
    assert verdicts[6].startswith("7. CANNOT BE SEEN FROM HERE")
    assert it.out.count(" | python manage.py import_config_vars --app ") == 2
