"""`sync_flags` and `import_config_vars`: what they report, name, refuse, and never repeat."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditEntry
from flags import runtime
from flags.config_vars import SWITCH, SWITCH_KEY
from flags.heroku.reported import console_of, everyone
from flags.models import ConfigVar, ConfigVarReport, DeclaredFlag
from tests.flags.heroku.reporting import CONSOLES, KEY, VAR, audited, deployment, release, take
from tests.flags.test_commands_flip import Terminal

pytestmark = pytest.mark.django_db

API = "raxx-api-prod"
SECRET = "hunter2-and-nobody-else"


def kept(app: str) -> dict[str, bool | None]:
    """What is set in an app, as far as the console knows."""
    found = ConfigVar.objects.filter(app=app, removed_at=None).exclude(flag_key=SWITCH_KEY)
    return dict(found.values_list("flag_key", "value"))


# --- sync_flags ----------------------------------------------------------------------------------


def test_a_release_reports_its_own_environment_alone():
    assert f"new: {VAR}, {SWITCH}" in release("prod", {VAR: "on"})
    assert set(ConfigVarReport.objects.values_list("app", "env")) == {(CONSOLES["prod"], "prod")}
    assert console_of("prod").values == {KEY: True}
    assert console_of("prod").db_layer
    assert console_of("staging") is None
    assert f"as before: {VAR}, {SWITCH}" in release("prod", {VAR: "1"})
    assert "removed: FLAG_CONSOLE_BILLING" in release("prod", {}, switch="0")
    assert console_of("prod").values == {}
    assert not console_of("prod").db_layer


def test_another_environment_that_is_synced_under_debug_is_not_reported(settings):
    settings.DEBUG = True
    call_command("sync_flags", "--env", "prod", stdout=io.StringIO())
    assert not ConfigVarReport.objects.exists()
    call_command("sync_flags", "--env", "prod", "--env", "staging", stdout=io.StringIO())
    assert [report.env for report in ConfigVarReport.objects.all()] == ["staging"]


def test_a_look_writes_nothing():
    with deployment("prod", {VAR: "1"}), pytest.raises(CommandError, match="out of step"):
        call_command("sync_flags", "--check", stdout=io.StringIO())
    models = (ConfigVar, ConfigVarReport, AuditEntry, DeclaredFlag)
    assert not any(model.objects.exists() for model in models)


def test_a_dyno_that_does_not_know_its_app_reports_nothing_and_says_how_to_tell_it(settings):
    settings.APP_NAME = "-"
    out, err = io.StringIO(), io.StringIO()
    call_command("sync_flags", stdout=out, stderr=err)
    assert "heroku labs:enable runtime-dyno-metadata" in err.getvalue()
    assert "config vars" not in out.getvalue()
    assert not ConfigVarReport.objects.exists()
    assert DeclaredFlag.objects.exists()


def test_strays_of_a_release_are_named_without_their_values():
    said = release("prod", {"FLAG_GONE": SECRET, "FLAG_Console_Billing": "1"})
    assert "stray: FLAG_GONE is set" in said
    assert "stray: FLAG_Console_Billing is set" in said
    assert f"stray: {SWITCH}" not in said
    assert SECRET not in said
    assert kept(CONSOLES["prod"]) == {}


def test_a_variable_in_other_letters_does_not_stand_for_one_that_was_removed():
    release("prod", {VAR: "1"})
    assert f"removed: {VAR}" in release("prod", {"FLAG_Console_billing": "1"})
    assert kept(CONSOLES["prod"]) == {}


def test_a_release_is_in_the_log_with_what_it_declares():
    release("prod", {VAR: "1"})
    [entry] = AuditEntry.objects.filter(action="console.flags.declared")
    assert entry.payload["env"] == "prod"
    actions = [action for action, _, _ in audited()]
    assert actions == ["console.config_var.seen"] * 2
    release("prod", {VAR: "1"})
    assert len(audited()) == 2


# --- import_config_vars --------------------------------------------------------------------------


@pytest.fixture
def read_in(declared, monkeypatch):
    """Pipe a text, or an object as JSON, into `import_config_vars`; what it said."""

    def run(piped: object, *arguments: str) -> str:
        text = piped if isinstance(piped, str) else json.dumps(piped)
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        out = io.StringIO()
        call_command("import_config_vars", *arguments, stdout=out)
        return out.getvalue()

    return run


def test_config_vars_of_declared_flags_alone_are_read_in(read_in):
    everything = {
        VAR: "yes",
        SWITCH: "1",
        "FLAG_CHECKOUT_EXPRESS": SECRET,
        "FLAG_STRAY": SECRET,
        "DATABASE_URL": SECRET,
        SECRET: "1",
        "FLAG_A\0B": "1",
        "FLAG_CONSOLE_BILLING\0": "0",
        "FLAG_CHECKOUT_ADDRESS_LOOKUP": "1\0",
        "nested": '{"FLAG_CONSOLE_FLAG_MGMT": "1"}',
    }
    said = read_in(everything, "--app", API)
    told = {KEY: True, "checkout_express": None, "checkout_address_lookup": None}
    assert kept(API) == told
    assert everyone()[API, "prod"].db_layer
    assert everyone()[API, "prod"].report.imported
    assert "stray: FLAG_STRAY is set" in said
    assert said.count("stray") == 1
    assert SECRET not in said
    assert {payload["flag"] for _, _, payload in audited()} == {*told, SWITCH_KEY}
    assert all(payload["app"] == API and payload["env"] == "prod" for _, _, payload in audited())


def test_what_is_gone_at_the_next_reading_is_removed(read_in):
    read_in({VAR: "1"}, "--app", API)
    assert f"removed: {VAR}" in read_in({}, "--app", API)
    assert f"new: {VAR}" in read_in({VAR: "0"}, "--app", API)
    assert "none is set" in read_in({}, "--app", "raptor-staging")


def test_a_stray_in_other_letters_does_not_stand_for_one_that_was_removed(read_in):
    read_in({VAR: "1"}, "--app", API)
    assert f"removed: {VAR}" in read_in({"FLAG_Console_billing": "1"}, "--app", API)


@pytest.mark.parametrize(
    "piped",
    [
        "",
        "hunter2",
        '{"FLAG_CONSOLE_BILLING": "hunter2"',
        '["hunter2"]',
        '"hunter2"',
        "null",
        "17",
        "NaN",
        "[" * 100_000,
        '{"FLAG_CONSOLE_BILLING": "' + "hunter2" * 160_000 + '"}',
        f"FLAG_CONSOLE_BILLING=hunter2\n{SWITCH}: 1",
        '{"FLAG_CONSOLE_BILLING": true, "X": "hunter2"}',
        '{"FLAG_CONSOLE_BILLING": "1", "X": null}',
        '{"FLAG_CONSOLE_BILLING": "1", "FLAG_CONSOLE_BILLING": "hunter2"}',
        '{"id": "unauthorized", "message": "hunter2"}',
    ],
    ids=range(15),
)
def test_what_heroku_never_prints_is_refused_and_nothing_of_it_repeated(read_in, piped):
    with pytest.raises(CommandError, match="Nothing was read in") as refused:
        read_in(piped, "--app", API)
    assert "hunter2" not in str(refused.value)
    assert not ConfigVarReport.objects.exists()


def test_bytes_that_are_no_text_are_refused_and_not_repeated(read_in, monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO(b'{"FLAG_CONSOLE_BILLING": "hunter2\xff"}'), "utf-8")
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(CommandError, match="Nothing was read in") as refused:
        call_command("import_config_vars", "--app", API)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(("app", "said"), [(API, ()), ("raptor-prod", ()), ("raptor", ("prod",))])
def test_the_environment_is_what_heroku_apps_the_name_or_the_operator_says(read_in, app, said):
    read_in({VAR: "1"}, "--app", app, *(f"--env={env}" for env in said))
    assert set(everyone()) == {(app, "prod")}


def test_heroku_apps_says_the_environment_of_any_name(read_in, settings):
    settings.HEROKU_APPS = {"raptor": "staging", "odd-prod": "staging"}
    read_in({VAR: "1"}, "--app", "raptor")
    read_in({VAR: "1"}, "--app", " odd-prod ")
    assert set(everyone()) == {("raptor", "staging"), ("odd-prod", "staging")}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--app", API, "--env", "staging"], "is of prod, not of staging"),
        (["--app", "raptor"], "Which environment is raptor of"),
        (["--app", "raptor-dev"], "Say it with --env"),
        (["--app", "raptor-dev", "--env", "dev"], "invalid choice"),
        (["--app", "  "], "give the app's name"),
        (["--app", "a\0-prod"], "give the app's name"),
        (["--app", "a" * 96 + "-prod"], "give the app's name"),
        (["--app", "a\u202e-prod"], "a character that cannot be seen"),
        ([], "--app"),
    ],
)
def test_an_app_or_environment_that_is_not_understood_is_refused(read_in, arguments, says):
    with pytest.raises(CommandError, match=says):
        read_in({VAR: "1"}, *arguments)
    assert not ConfigVarReport.objects.exists()


def test_a_terminal_is_not_waited_for(declared, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal("{}\n"))
    with pytest.raises(CommandError, match="Pipe it in"):
        call_command("import_config_vars", "--app", API)


def test_an_environment_that_was_never_synced_is_refused(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("{}"))
    with pytest.raises(CommandError, match="run sync_flags there first"):
        call_command("import_config_vars", "--app", API)


def test_of_the_other_environment_its_own_declarations_count(read_in):
    DeclaredFlag.objects.filter(env="prod", flag_key=KEY).delete()
    assert KEY in runtime.declared()
    assert f"stray: {VAR} is set, and no flag of prod" in read_in({VAR: "1"}, "--app", API)
    assert kept(API) == {}
    read_in({VAR: "1"}, "--app", "raxx-api-staging")
    assert kept("raxx-api-staging") == {KEY: True}


def test_an_app_that_reports_itself_is_not_read_in(read_in):
    take({KEY: True})
    with pytest.raises(CommandError, match="raxx-console-prod reports itself"):
        read_in({}, "--app", CONSOLES["prod"])
    assert everyone()[CONSOLES["prod"], "prod"].values == {KEY: True}


def test_a_console_that_reports_itself_stays_so_when_it_is_read_in_all_the_same(read_in):
    take({KEY: True})
    read_in({VAR: "0"}, "--app", CONSOLES["prod"], "--force")
    told = everyone()[CONSOLES["prod"], "prod"]
    assert (told.report.imported, told.values) == (False, {KEY: False})


def test_an_app_that_never_was_is_forgotten_and_the_log_knows(read_in):
    read_in({VAR: "1"}, "--app", "a-typo", "--env", "prod")
    assert read_in({}, "--app", "a-typo", "--env", "prod", "--forget") == (
        "a-typo (prod): forgotten.\n"
    )
    assert ("a-typo", "prod") not in everyone()
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.channel) == ("console.config_var.app_forgotten", "cli")
    assert entry.payload == {"app": "a-typo", "env": "prod", "variables": 1}
    with pytest.raises(CommandError, match="Nobody ever told of a-typo in prod"):
        read_in({}, "--app", "a-typo", "--env", "prod", "--forget")
