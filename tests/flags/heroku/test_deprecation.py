"""What keeps a config var from being removed, one by one; and that "ready" is proved."""

import json
import shlex
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.models import AuditEntry
from flags.config_vars import SWITCH_KEY
from flags.heroku.deprecation import Line, Stage, _lacks, _stage, lines
from flags.heroku.live import Live
from flags.heroku.reported import Reported, console_of, everyone
from flags.heroku.table import as_markdown, read_table
from flags.layers import resolve
from flags.models import ConfigVar, ConfigVarReport, DeclaredFlag, Env, FeatureFlag
from tests.flags.heroku.reporting import API, CONSOLES, KEY, VAR, pin, take, told
from tests.flags.outside import raw_delete, raw_insert, without_triggers
from tests.pages import FLAGS, client_as, text_of

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = START + timedelta(hours=25)
SECOND = timedelta(seconds=1)


def line_of(now: datetime = LATER, app: str = CONSOLES["prod"]) -> Line:
    [line] = [each for each in lines(now, everyone()) if each.var.app == app]
    return line


def lacks(now: datetime = LATER, app: str = CONSOLES["prod"]) -> list[str]:
    return [lack.name for lack in line_of(now, app).lacks]


def is_ready_from(moment: datetime) -> bool:
    """Whether it becomes ready at this very second."""
    before = line_of(moment - SECOND).stage
    return (before, line_of(moment).stage) == (Stage.SOAKING, Stage.READY)


@pytest.fixture
def ready(declared):
    """A variable of prod's console that is ready at LATER, its rows the opposite of it."""
    take({KEY: True}, now=START)
    take({}, app=CONSOLES["staging"], env="staging", now=START)
    for env in Env.values:
        pin(KEY, env, False, now=START)


def test_the_one_that_lacks_nothing_is_ready_to_the_second(ready):
    assert is_ready_from(START + timedelta(hours=24))
    assert lacks() == []


def _undeclared() -> None:
    DeclaredFlag.objects.filter(flag_key=KEY, env="prod").delete()


def _layer_off() -> None:
    take({KEY: True}, switch=None, now=START)


def _no_boolean_switch() -> None:
    take({KEY: True, SWITCH_KEY: None}, switch=None, now=START)


def _other_layer_off() -> None:
    take({}, app=CONSOLES["staging"], env="staging", switch=False, now=START)


def _no_row(env: str) -> None:
    raw_delete(KEY, env)


def _no_flip(env: str) -> None:
    raw_delete(KEY, env)
    without_triggers(lambda: raw_insert(0, KEY, env))


def _remade() -> None:
    raw_delete(KEY, "staging")
    raw_insert(0, KEY, "staging")


def _read_in_long_ago() -> None:
    report = line_of().told.report
    report.imported = True
    report.save()


WAYS = {
    "undeclared": (_undeclared, "stray", ["undeclared"]),
    "layer_off": (_layer_off, "active", ["layer_off", "would_change"]),
    "layer_no_boolean": (_no_boolean_switch, "active", ["layer_off", "would_change"]),
    "no_row_prod": (lambda: _no_row("prod"), "active", ["no_row_prod", "would_change"]),
    "no_row_staging": (lambda: _no_row("staging"), "dormant", ["no_row_staging"]),
    "no_flip_prod": (lambda: _no_flip("prod"), "dormant", ["no_flip_prod", "soaking"]),
    "no_flip_staging": (lambda: _no_flip("staging"), "dormant", ["no_flip_staging", "soaking"]),
    "other_layer_off": (_other_layer_off, "dormant", ["other_layer_off"]),
    "soaking": (_remade, "soaking", ["soaking"]),
    "old_report": (_read_in_long_ago, "soaked", ["old_report"]),
}
WORDS = {
    "undeclared": f"no flag {KEY} is declared in prod: declare it, or unset it by hand",
    "layer_off": "does not read database rows",
    "no_row_prod": "no database row in prod: pin it there",
    "no_row_staging": "no database row in staging: pin it there",
    "no_flip_prod": "no console.flag.flip of it in prod: flip it there",
    "no_flip_staging": "no console.flag.flip of it in staging: flip it there",
    "other_layer_off": "the rows of staging have no effect there",
    "soaking": "the rows soak until",
    "old_report": "read it in again",
    "would_change": f"without it {KEY} would change in prod",
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_not_being_ready_is_named_in_json_and_in_words_on_the_page(
    ready, superadmin, way
):
    spoil, state, names = WAYS[way]
    spoil()
    # Raw SQL begins a row at the database's own time, which no test sets.
    now = LATER if "layer" in way else None
    if now is not None:
        assert (line_of(now).stage, lacks(now)) == (state, names)
    [line] = json.loads(told("deprecation_table", "--json"))
    assert (line["state"], line["ready"]) == (state, False)
    assert [lack["name"] for lack in line["missing"]] == names
    page = client_as("ops").get("/console/config-vars")
    text, html = text_of(page), page.content.decode()
    assert f'data-env="prod" data-state="{state}"' in html
    for name in names:
        assert WORDS[name] in text
        assert f'data-lack="{name}"' in html
    assert "config:unset" not in text
    assert ("FLAG_CONSOLE_BILLING" in text) and (KEY in text)


def test_without_a_row_that_agrees_nothing_would_change_and_still_it_is_not_ready(declared):
    """A variable that says what the YAML says: its removal is harmless, and not yet proved."""
    take({KEY: False}, now=START)
    assert lacks() == ["no_row_prod", "no_row_staging"]
    assert line_of().stage is Stage.ACTIVE


def test_a_value_that_is_no_boolean_takes_the_same_way(ready):
    take({KEY: None}, now=START)
    assert line_of().stage is Stage.READY
    raw_delete(KEY, "prod")
    assert lacks() == ["no_row_prod"]
    assert "no boolean" in told("deprecation_table")


def test_a_row_that_was_removed_and_made_anew_soaks_anew(ready):
    raw_delete(KEY, "staging")
    pin(KEY, "staging", False, now=START + timedelta(hours=20))
    assert is_ready_from(START + timedelta(hours=44))
    assert line_of().dormant_since == START


def test_a_later_flip_does_not_make_it_soak_anew(ready):
    pin(KEY, "prod", True, now=START + timedelta(hours=23))
    assert is_ready_from(START + timedelta(hours=24))


@pytest.mark.parametrize("env", Env.values)
def test_rows_count_from_when_the_layer_that_reads_them_was_turned_on(ready, env):
    app = CONSOLES[env]
    found = {KEY: True} if env == "prod" else {}
    take(found, app=app, env=env, switch=False, now=START + timedelta(hours=1))
    take(found, app=app, env=env, switch=True, now=START + timedelta(hours=10))
    take(found, app=app, env=env, switch=True, now=START + timedelta(hours=11))
    assert is_ready_from(START + timedelta(hours=34))


def test_the_switch_of_an_app_that_was_renamed_counts_no_more(ready):
    for hour, switch in ((1, False), (20, True)):
        take({}, app="old-console-prod", switch=switch, now=START + timedelta(hours=hour))
    take({KEY: True}, now=START + timedelta(hours=21))
    assert is_ready_from(START + timedelta(hours=24))


def test_the_same_variable_on_a_console_and_on_an_api_app_are_two_lines(ready):
    api = API["prod"]
    take({KEY: True}, app=api, switch=None, imported=True, now=LATER)
    assert (line_of().stage, line_of(app=api).stage) == (Stage.READY, Stage.ACTIVE)
    assert lacks(app=api) == ["layer_off", "would_change"]
    # Once the API reads rows it soaks from then on, whatever the console's variable is at.
    turned_on = LATER + timedelta(hours=1)
    take({KEY: True}, app=api, imported=True, now=turned_on)
    assert lacks(turned_on, api) == ["soaking"]
    soaked = turned_on + timedelta(hours=24)
    assert lacks(soaked, api) == []
    assert lacks(soaked + SECOND, api) == ["old_report"]


def test_an_api_app_of_staging_goes_by_stagings_row(ready):
    api = API["staging"]
    take({KEY: False}, app=api, env="staging", imported=True, now=LATER)
    assert lacks(app=api) == []
    raw_delete(KEY, "prod")
    assert lacks(app=api) == ["no_row_prod"]
    assert line_of(app=api).stage is Stage.DORMANT


def test_removal_commands_are_one_batch_an_app_silenced_and_quoted(ready):
    other = "console_customer_notes"
    for env in Env.values:
        pin(other, env, False, now=START)
    take({KEY: True, other: False, "email_digest_weekly": True}, now=START)
    take({other: True}, app="x; rm -rf ~ #-prod", now=LATER)
    unset = [str(call) for call in read_table(LATER).removals]
    assert unset == [
        f"heroku config:unset {VAR} FLAG_CONSOLE_CUSTOMER_NOTES --app {CONSOLES['prod']}"
        " >/dev/null 2>&1",
        "heroku config:unset FLAG_CONSOLE_CUSTOMER_NOTES --app 'x; rm -rf ~ #-prod'"
        " >/dev/null 2>&1",
    ]
    assert shlex.split(unset[1])[4] == "x; rm -rf ~ #-prod"
    assert "\n".join(["```", *unset, "```"]) in as_markdown(read_table(LATER))


def test_the_switch_itself_is_never_a_line(ready):
    assert {line.var.flag_key for line in lines(LATER, everyone())} == {KEY}


def test_looking_writes_nothing_and_removes_nothing(ready, superadmin):
    before = list(ConfigVar.objects.values()), AuditEntry.objects.count()
    told("deprecation_table")
    client_as("ops").get("/console/config-vars")
    assert (list(ConfigVar.objects.values()), AuditEntry.objects.count()) == before


def test_how_many_queries_it_takes_does_not_depend_on_how_many_there_are(
    ready, django_assert_num_queries
):
    with django_assert_num_queries(7):
        lines(LATER, everyone())
    keys = ["console_customer_notes", "raptor_cursor_paging", "email_digest_weekly"]
    take(dict.fromkeys([KEY, *keys], True), now=START)
    take(dict.fromkeys(keys, True), app=API["prod"], imported=True, now=START)
    for key in keys:
        pin(key, "prod", True, now=START)
    raw_delete(keys[0], "prod")
    with django_assert_num_queries(7):
        assert len(lines(LATER, everyone())) == 7


def test_a_start_while_the_database_is_away_is_told_of(ready, superadmin):
    """The row says what the variable says, and the YAML does not: the variable was a net."""
    assert not line_of().loses_net
    pin(KEY, "prod", True, now=START)
    assert line_of().loses_net
    page = text_of(client_as("ops").get("/console/config-vars"))
    assert "without it, a start while the database is away gives off" in page


def test_the_flag_page_shows_its_own_variable_alone_and_who_cannot_be_seen(ready, superadmin):
    take({KEY: True, "console_customer_notes": True}, now=START)
    text = text_of(client_as("ops").get(f"{FLAGS}/{KEY}"))
    assert "FLAG_CONSOLE_CUSTOMER_NOTES" not in text
    assert "Cannot be seen: raxx-api-prod, raxx-api-staging (never reported)" in text


# --- the proof -----------------------------------------------------------------------------------

VALUES = st.sampled_from([None, True, False])


@given(
    var=VALUES,
    yaml=VALUES,
    rows=st.fixed_dictionaries(dict.fromkeys(Env.values, VALUES)),
    flips=st.fixed_dictionaries(dict.fromkeys(Env.values, st.booleans())),
    layer=st.booleans(),
    imported=st.booleans(),
    age=st.integers(0, 60),
    soaked=st.integers(-2, 2),
    env=st.sampled_from(Env.values),
)
def test_whatever_is_called_ready_changes_no_resolved_value_when_it_goes(
    var, yaml, rows, flips, layer, imported, age, soaked, env
):
    """The rule itself, on every combination; that it is fed with what is so: the tests above."""
    live = {
        where: Live(
            FeatureFlag(flag_key="a", env=where, value=int(value), updated_at=START),
            AuditEntry(pk=1, created_at=START) if flips[where] else None,
        )
        for where, value in rows.items()
        if value is not None
    }
    at = LATER - timedelta(hours=age)
    report = ConfigVarReport(app="x", env=env, imported=imported, first_at=START, last_at=at)
    switch = ConfigVar(app="x", env=env, flag_key=SWITCH_KEY, value=layer, first_seen_at=START)
    told_of = Reported(report, {SWITCH_KEY: switch}, {})
    variable = ConfigVar(app="x", env=env, flag_key="a", value=var)
    soaked_at = LATER + timedelta(hours=soaked) if layer and len(live) == len(rows) else None
    found = _lacks(variable, told_of, live, yaml, {}, soaked_at, LATER)
    if _stage(variable, found) is not Stage.READY:
        assert found
        return
    assert yaml is not None
    assert all(value is not None for value in rows.values())
    assert all(flips.values())
    assert soaked <= 0
    assert not (imported and age > 24)
    for where in Env.values:
        # Where the variable is not, it answers nothing, with it or without.
        here = var if where == env else None
        db = rows[where] if layer else None
        with_it = resolve(db=db, env=here, yaml=yaml)
        assert with_it.value is resolve(db=db, env=None, yaml=yaml).value


# --- whose layer counts --------------------------------------------------------------------------


def test_a_layer_that_is_turned_on_again_soaks_anew_and_being_turned_off_is_no_beginning(ready):
    staging = {"app": CONSOLES["staging"], "env": "staging"}
    take({}, **staging, switch=False, now=START + timedelta(hours=1))
    assert lacks() == ["other_layer_off"]
    on_again = START + timedelta(hours=2)
    take({}, **staging, now=on_again)
    assert is_ready_from(on_again + timedelta(hours=24))


def test_a_developers_machine_does_not_speak_for_the_console(ready):
    take({}, app="a-laptop", env="staging", switch=None, now=LATER)
    assert line_of().stage is Stage.READY
    assert console_of("staging").app == CONSOLES["staging"]


def test_a_console_that_nobody_named_speaks_where_the_named_one_never_did(declared):
    take({}, app="somewhere-else", env="staging")
    assert console_of("staging").app == "somewhere-else"
