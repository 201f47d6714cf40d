"""`heroku_commands`: which commands it prints, in which order, at what cost, and how back."""

import io
import shlex
import subprocess
from datetime import timedelta
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from audit.models import AuditEntry
from flags.config_vars import SWITCH
from flags.models import ConfigVarReport, DeclaredFlag, FeatureFlag
from raxxconsole import environment
from tests.flags.heroku.reporting import API, CONSOLES, KEY, VAR, pin, take, told
from tests.pages import HIGH

SILENCED = " >/dev/null 2>&1"
STAGING = [CONSOLES["staging"], API["staging"]]
PROD = [CONSOLES["prod"], API["prod"]]


def commands(key: str = KEY, to: str = "on", env: str = "prod") -> str:
    return told("heroku_commands", key, to, "--env", env)


def halves(text: str) -> tuple[str, str]:
    """(the way there, the way back)."""
    there, _, back = text.partition("# --- The way back ---")
    return there, back


def typed(text: str) -> list[str]:
    """All that is no comment, a statement that takes two lines as one."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [part.strip() for part in "\n".join(lines).replace("\nWHERE", " WHERE").splitlines()]


def heroku(text: str) -> list[str]:
    return [line for line in typed(text) if line.startswith("heroku")]


def setting(what: str, apps: list[str]) -> list[str]:
    return [f"heroku config:set {what} --app {app}{SILENCED}" for app in apps]


def update(value: int, key: str = KEY, env: str = "prod") -> str:
    return (
        f"UPDATE console_feature_flags SET value={value}, updated_at=CURRENT_TIMESTAMP "
        f"WHERE flag_key='{key}' AND env='{env}';"
    )


def flipping(to: str, key: str = KEY, env: str = "prod") -> str:
    why = '--reason "<why>" --incident "<INC-1>"'
    return f"python manage.py flag_flip {key} {to} --env {env} {why}"


def reconciling(key: str = KEY, env: str = "prod") -> str:
    why = '--reason "<why>" --incident "<INC-1>"'
    return f"python manage.py flag_reconcile {key} --env {env} {why}"


@pytest.fixture
def _away(monkeypatch):
    """The plan's every question to the database fails; the log's writer is not reached."""
    failure = OperationalError("connection refused")
    monkeypatch.setattr("flags.heroku.override.read_state", mock.Mock(side_effect=failure))


# --- which commands ------------------------------------------------------------------------------


@pytest.mark.parametrize(("env", "apps"), [("prod", PROD), ("staging", STAGING)])
@pytest.mark.parametrize(("to", "value"), [("on", 1), ("off", 0)])
def test_without_a_row_the_config_var_of_each_app_is_set(declared, env, apps, to, value):
    there, back = halves(commands(to=to, env=env))
    assert there.startswith(f"# {KEY} is off in {env} (source: yaml).\n")
    assert f"There is no database row of it in {env}: the config var decides." in there
    assert typed(there) == [flipping(to, env=env), *setting(f"{VAR}={value}", apps)]
    assert f"Costs a restart of {apps[0]} and {apps[1]}." in there
    unset = [f"heroku config:unset {VAR} --app {app}{SILENCED}" for app in apps]
    assert typed(back) == [*unset, flipping(to, env=env)]
    assert "heroku config:get FLAG_CONSOLE_BILLING --app raxx-api-" in back


def test_back_is_what_each_app_reported_last(declared):
    take({KEY: False})
    take({}, app=API["prod"], imported=True)
    _, back = halves(commands())
    assert heroku(back) == [
        f"heroku config:set {VAR}=0 --app {CONSOLES['prod']}{SILENCED}",
        f"heroku config:unset {VAR} --app {API['prod']}{SILENCED}",
    ]
    assert "config:get" not in back
    take({KEY: None})
    assert heroku(halves(commands())[1])[0].startswith("heroku config:unset")


def test_where_a_row_wins_the_config_var_is_useless_and_the_row_is_changed(declared):
    pin(KEY, "prod", False)
    there, back = halves(commands())
    assert f"# {KEY} is off in prod (source: db).\n" in there
    assert f"{VAR} alone changes nothing" in there
    both = setting(f"{SWITCH}=0 {VAR}=1", PROD)
    assert typed(there) == [flipping("on"), update(1), *both]
    assert there.index("no restart") < there.index("Option A") < there.index("Option B")
    assert typed(back) == [update(0), update(1), *setting(f"{SWITCH}=1", PROD), reconciling()]
    assert "Costs a restart of raxx-console-prod and raxx-api-prod" in there


def test_a_row_of_the_other_environment_is_none_here(declared):
    pin(KEY, "staging", False)
    assert "There is no database row" in commands(env="prod")
    assert "Its database row wins" in commands(env="staging")


def test_a_dormant_row_leaves_it_to_the_config_var(declared, settings):
    pin(KEY, "staging", False)
    pin(KEY, "prod", False)
    take({}, switch=False)
    assert "The database layer is off, its row is dormant" in commands(env="prod")
    assert typed(halves(commands())[0]) == setting(f"{VAR}=1", PROD)
    assert "Its database row wins" in commands(env="staging")
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    assert "The database layer is off, its row is dormant" in commands(env="staging")


def test_what_else_turns_without_the_database_layer_is_named(declared):
    pin(KEY, "prod", False)
    assert "which other flags change cannot be told" in commands()
    take({"email_digest_weekly": True, "raptor_rate_limits": True})
    assert "in the console no other flag changes by it; of the other apps it" in commands()
    pin("email_digest_weekly", "prod", True)  # its variable says the same
    pin("console_customer_notes", "prod", False)  # its YAML says on
    pin("console_order_search_v2", "prod", True)  # its YAML says off
    assert (
        "; in the console besides it console_customer_notes turns on, console_order_search_v2 "
        "turns off; of the other apps it cannot be told."
    ) in commands()


def test_a_value_that_it_has_already_can_be_asked_for(declared):
    pin(KEY, "prod", True)
    assert update(1) in typed(commands(to="on"))


def test_a_flag_of_high_risk_needs_no_proof_here_and_its_flip_names_one(declared):
    there, back = halves(commands(HIGH))
    assert setting("FLAG_CHECKOUT_EXPRESS=1", PROD)[0] in there
    assert f'{flipping("on", HIGH)} --as "<name>" --totp' in typed(back)


def test_apps_that_read_rows_though_the_console_does_not_are_told_of_the_row(declared):
    pin(KEY, "prod", False)
    take({}, switch=False)
    take({}, app=API["prod"], imported=True)
    there, _ = halves(commands())
    only, both = setting(f"{VAR}=1", PROD[:1]), setting(f"{SWITCH}=0 {VAR}=1", PROD[1:])
    # The console would refuse a flip: a row changes nothing there.
    assert typed(there) == [*only, update(1), *only, *both]
    assert "flag_flip writes no row. In apps that read rows the row wins" in there
    assert "No row reaches raxx-console-prod (as reported): there" in there


def test_what_the_console_knows_by_its_own_settings_is_not_said_to_be_reported(declared, settings):
    pin(KEY, "staging", False)
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    take({}, app=API["staging"], env="staging", imported=True)
    there, _ = halves(commands(env="staging"))
    assert f"No row reaches {CONSOLES['staging']}: there the config var" in there
    # An app that told that it reads rows, and does not any more, until it tells that.
    take({}, app=CONSOLES["staging"], env="staging")
    there, _ = halves(commands(env="staging"))
    assert f"No row reaches {CONSOLES['staging']}: there the config var" in there
    take({}, app=CONSOLES["staging"], env="staging", switch=False)
    there, _ = halves(commands(env="staging"))
    assert f"No row reaches {CONSOLES['staging']} (as reported): there the config var" in there


def test_a_dormant_row_is_not_said_to_be_pinned_by_a_flip_that_is_refused(declared):
    pin(KEY, "prod", False)
    take({}, switch=False)
    assert "manage.py flag_flip" not in commands()
    take({})
    assert flipping("on") in typed(commands())


def test_whose_shell_takes_the_flip_is_named_where_this_one_does_not(declared, settings):
    settings.CONSOLE_ENVIRONMENTS = ("staging",)
    assert "In a shell of raxx-console-prod, not in this, flip it" in commands(env="prod")
    assert "In a shell that has manage.py, flip it" in commands(env="staging")


def test_what_was_read_in_long_ago_is_not_believed(declared):
    pin(KEY, "prod", False)
    take({KEY: True}, app=API["prod"], imported=True, switch=None)
    assert setting(f"{VAR}=1", PROD[1:])[0] in typed(commands())
    old = timezone.now() - timedelta(hours=25)
    ConfigVarReport.objects.filter(app=API["prod"]).update(last_at=old)
    there, back = halves(commands())
    assert "Whether rows reach raxx-api-prod is not known" in there
    assert setting(f"{SWITCH}=0 {VAR}=1", PROD[1:])[0] in typed(there)
    assert f"{VAR}=1 --app raxx-api-prod" not in back


@pytest.mark.usefixtures("_away", "declared")
@pytest.mark.parametrize(("env", "apps"), [("prod", PROD), ("staging", STAGING)])
def test_while_the_database_is_away_one_command_an_app_works_either_way(env, apps):
    out, err = io.StringIO(), io.StringIO()
    call_command("heroku_commands", KEY, "on", "--env", env, stdout=out, stderr=err)
    there, back = halves(out.getvalue())
    assert err.getvalue() == "The database does not answer: connection refused.\n"
    assert "whether it has a row of this flag cannot be told" in there
    assert typed(there) == [*setting(f"{SWITCH}=0 {VAR}=1", apps), update(1, env=env)]
    on = setting(f"{SWITCH}=1", apps)
    assert typed(back) == [update(1, env=env), *on, reconciling(env=env)]


def test_an_undeclared_flag_is_refused_whether_the_database_answers_or_not(declared, monkeypatch):
    DeclaredFlag.objects.filter(env="prod", flag_key=KEY).delete()
    for key, env in (("no_such_flag", "prod"), ("no_such_flag", "staging"), (KEY, "prod")):
        with pytest.raises(CommandError, match="is not declared in"):
            commands(key, env=env)
    failure = OperationalError("connection refused")
    monkeypatch.setattr("flags.heroku.override.read_state", mock.Mock(side_effect=failure))
    with pytest.raises(CommandError, match="'no_such_flag' is not declared in prod"):
        commands("no_such_flag")


@pytest.mark.parametrize("key", ["x'; DROP TABLE a;--", "$(id)", "a\0b", "", "A", "x" * 300])
def test_what_is_no_key_never_reaches_a_command(declared, key):
    with pytest.raises(CommandError, match="is not declared in prod"):
        commands(key)


def test_an_environment_without_an_app_is_told(declared, settings):
    settings.HEROKU_APPS = {"raxx-console-staging": "staging"}
    with pytest.raises(CommandError, match=r"names no app of prod.*\n.*psql: UPDATE"):
        commands()


@pytest.mark.parametrize(
    "apps",
    ["a;id-prod", "$(id)-prod", "a b=prod", "-x=prod", "a'-prod", "A-prod", "a\n-prod", "x", ","],
)
def test_a_name_that_a_shell_would_read_stops_the_start(monkeypatch, apps):
    monkeypatch.setenv("HEROKU_APPS", apps)
    with pytest.raises(ImproperlyConfigured, match="HEROKU_APPS"):
        environment.read_apps("HEROKU_APPS", ("prod", "staging"), default=())


def test_apps_are_those_of_heroku_apps_in_its_order(declared, settings):
    settings.HEROKU_APPS = {"raptor": "prod", "b-staging": "staging", "c-prod": "prod"}
    assert heroku(halves(commands())[0]) == setting(f"{VAR}=1", ["raptor", "c-prod"])


def test_printing_writes_nothing(declared):
    pin(KEY, "prod", False)
    before = AuditEntry.objects.count()
    commands()
    assert AuditEntry.objects.count() == before


# --- what is printed works -----------------------------------------------------------------------


@pytest.mark.parametrize("state", ["bare", "row", "dormant", "away"])
def test_every_line_parses_is_silenced_and_every_statement_runs(declared, request, state):
    if state in ("row", "dormant"):
        pin(KEY, "prod", False)
    take({KEY: True}, switch=state != "dormant")
    if state == "away":
        request.getfixturevalue("_away")
    text = commands()
    lines = typed(text)
    statements = [line for line in lines if line.startswith("UPDATE")]
    shell = [line for line in lines if line not in statements]
    assert len(shell) >= 4
    for line in shell:
        words = shlex.split(line)
        assert words[0] in ("heroku", "python")
        if words[0] == "heroku":
            assert line.endswith(SILENCED)
            assert words[1] in ("config:set", "config:unset")
            assert sum(each.startswith("FLAG_") for each in words) == line.count("FLAG_")
    # As a whole, comments included, what is not SQL is a shell script.
    script = "\n".join(
        line for line in text.splitlines() if not line.startswith(("UPDATE", "WHERE"))
    )
    subprocess.run(["sh", "-n"], input=script, text=True, check=True, timeout=30)
    assert bool(statements) is (state in ("row", "away"))
    for statement in statements:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            assert cursor.rowcount == (1 if state == "row" else 0)
    if state == "row":
        assert FeatureFlag.objects.get().value == 1


def test_of_each_way_a_single_command_an_app_changes_all_variables(declared):
    pin(KEY, "prod", False)
    there, back = halves(commands())
    for half in (there, back):
        apps = [shlex.split(line)[shlex.split(line).index("--app") + 1] for line in heroku(half)]
        assert apps == PROD
