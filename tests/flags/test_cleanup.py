"""The clean-up list: each reason to be in it, each reason not to be, and what is not seen."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from audit.cli import shell_actor
from audit.models import AuditEntry
from flags.cleanup import clean_up, why_not
from flags.cleanup_steps import Entry, Reason
from flags.config_vars import GATE_KEY
from flags.models import ConfigVarReport, DeclaredFlag, FeatureFlag
from flags.ofrep.tokens import create
from flags.state import read_state
from flags.sync import sync_flags
from promotions.models import Promotion, State
from tests.conftest import console_actor
from tests.flags.heroku.reporting import ACTOR, API, CONSOLES, pin, release, take
from tests.flags.outside import raw_delete, raw_insert, raw_update
from tests.promotions.conftest import marked

pytestmark = pytest.mark.usefixtures("reported")

KEY = "console_billing"
DEFAULT_ON = "raptor_cursor_paging"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAYS = 30
LATER = START + timedelta(days=DAYS)
SECOND = timedelta(seconds=1)
ENVS = ("staging", "prod")


@pytest.fixture
def reported(declared):
    """Both consoles told of themselves at START, that no config var is set, and of their flags."""
    DeclaredFlag.objects.update(synced_at=START)
    for env, app in CONSOLES.items():
        take({}, app=app, env=env, now=START)


def pinned(value: bool = True, key: str = KEY, now: datetime = START) -> None:
    for env in ENVS:
        pin(key, env, value, now=now)


def reasons(key: str = KEY, env: str = "staging", now: datetime = LATER) -> list[str]:
    return [entry.reason.value for entry in clean_up(env, DAYS, now) if entry.flag == key]


def the(reason: Reason, key: str = KEY, env: str = "staging", now: datetime = LATER) -> Entry:
    [entry] = [
        each for each in clean_up(env, DAYS, now) if (each.flag, each.reason) == (key, reason)
    ]
    return entry


def unseen(env: str = "staging") -> list[str]:
    return [each.why for each in clean_up(env, DAYS, LATER) if each.reason is Reason.UNSEEN]


# --- settled ---


@pytest.mark.parametrize("env", ENVS)
def test_on_in_both_and_unchanged_to_the_second(env):
    pinned()
    assert reasons(env=env, now=LATER - SECOND) == []
    assert reasons(env=env) == ["settled"]
    entry = the(Reason.SETTLED, env=env)
    assert "on in both environments, unchanged for 30 days or more" in entry.why
    assert f"{env} by its row since 2026-03-01 by a test" in entry.why
    assert "keep what it gates" in entry.step
    assert entry.commands[0] == "git grep -n console_billing"
    assert entry.since == START


def test_off_in_both_by_default_since_the_release_that_declared_it():
    entry = the(Reason.SETTLED)
    assert "staging by its YAML default since 2026-03-01" in entry.why
    assert "delete what it gates" in entry.step
    DeclaredFlag.objects.filter(env="prod").update(synced_at=START + SECOND)
    assert reasons() == []


def test_a_default_holds_since_the_log_tells_of_it_not_since_the_last_release(declared):
    flags = {flag.flag_key: flag.declaration for flag in DeclaredFlag.objects.filter(env="prod")}
    DeclaredFlag.objects.filter(env="prod").delete()
    sync_flags(flags, "prod", release="v1", actor=ACTOR, now=START)
    sync_flags(flags, "prod", release="v2", actor=ACTOR, now=LATER - SECOND)
    assert reasons() == ["settled"]
    DeclaredFlag.objects.filter(env="prod", flag_key=KEY).update(risk="high")
    sync_flags(flags, "prod", release="v3", actor=ACTOR, now=LATER - SECOND)
    assert reasons() == []


def test_not_while_one_environment_has_another_value_or_does_not_declare_it():
    pin(KEY, "staging", True, now=START)
    assert reasons() == []
    pin(KEY, "prod", True, now=START)
    assert reasons() == ["settled"]
    DeclaredFlag.objects.filter(env="prod", flag_key=KEY).delete()
    assert reasons() == []


def _flipped() -> None:
    pin(KEY, "prod", False, now=LATER - 2 * SECOND)
    pin(KEY, "prod", True, now=LATER - SECOND)


def _by_sql_that_hides_its_time() -> None:
    for value in (0, 1):
        raw_update(value, KEY, "prod")
    FeatureFlag.objects.filter(env="prod").update(updated_at=START)


def _by_the_row_alone() -> None:
    FeatureFlag.objects.filter(env="prod").update(updated_at=LATER)


def _layer_switched() -> None:
    take({}, switch=False, now=LATER - 2 * SECOND)
    take({}, now=LATER - SECOND)


@pytest.mark.parametrize(
    "change", [_flipped, _by_sql_that_hides_its_time, _by_the_row_alone, _layer_switched]
)
def test_not_after_a_change_of_the_row_or_of_what_reads_it(change):
    pinned()
    assert reasons() == ["settled"]
    change()
    assert reasons() == []


def test_a_config_var_holds_since_the_report_that_told_of_it_first():
    pin(KEY, "staging", True, now=START)
    take({KEY: True}, now=START + SECOND)
    take({KEY: True}, now=LATER)
    assert reasons() == []
    entry = the(Reason.SETTLED, now=LATER + SECOND)
    assert "prod by its config var since 2026-03-01" in entry.why


def test_the_deployments_own_config_var_counts_as_it_is_set_and_as_it_was_reported(monkeypatch):
    pin(KEY, "prod", True, now=START)
    monkeypatch.setenv("FLAG_CONSOLE_BILLING", "1")
    assert reasons() == []  # nobody reported it, so nobody knows since when
    take({KEY: True}, app=CONSOLES["staging"], env="staging", now=START)
    assert reasons() == ["settled"]


@pytest.mark.parametrize("was", [True, None], ids=["set", "no boolean"])
def test_a_config_var_that_went_counts_as_a_change(was):
    assert reasons() == ["settled"]
    take({KEY: was}, now=LATER - 2 * SECOND)
    if was:
        take({}, now=LATER - SECOND)
    assert reasons() == []


def test_a_row_that_raw_sql_removed_counts_as_a_change():
    assert reasons(DEFAULT_ON) == ["settled"]
    pinned(key=DEFAULT_ON)
    assert reasons(DEFAULT_ON) == ["settled", "default"]
    raw_delete(DEFAULT_ON, "prod")
    assert reasons(DEFAULT_ON) == ["default"]


def test_not_where_an_app_that_reported_has_another_value():
    """Raptor's apps read no rows: there the config var decides."""
    pinned()
    take({KEY: False}, app=API["prod"], switch=None, now=START)
    assert reasons() == []
    take({KEY: True}, app=API["prod"], switch=None, now=START)
    assert reasons() == ["settled"]
    take({KEY: False}, app=API["prod"], switch=True, now=START)
    assert reasons() == ["settled"]  # it reads the row


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"found": {KEY: False}, "switch": False}, {"found": {KEY: True}, "switch": False}),
        ({"found": {KEY: False}, "switch": None}, {"found": {KEY: False}, "switch": True}),
        ({"found": {DEFAULT_ON: False}, "switch": None}, {"found": {}, "switch": None}),
    ],
    ids=["its config var was set", "it reads rows now", "its config var went"],
)
def test_not_while_an_app_that_reported_has_its_value_for_less_long(before, after):
    key = KEY if KEY in before["found"] else DEFAULT_ON
    if key == KEY:
        pinned()
    app = {"app": API["prod"], "imported": True}
    take(**before, **app, now=START - SECOND)
    take(**after, **app, now=LATER - SECOND)
    assert reasons(key) == []
    [why] = why_not(key, "staging", DAYS, LATER)[:1]
    assert "in raxx-api-prod it is known to be so since 2026-03-31 11:59 UTC" in why
    later = LATER + timedelta(days=DAYS)
    take(**after, **app, now=later - SECOND)
    assert "settled" in reasons(key, now=later)


@pytest.mark.parametrize("switch", [None, True], ids=["reads no rows", "reads rows"])
def test_not_while_an_app_was_first_read_in_for_less_long(switch):
    """It has the value, and no config var; what it had the day before nobody knows."""
    app = {"app": API["prod"], "imported": True, "switch": switch}
    take({}, **app, now=LATER - SECOND)
    assert reasons(DEFAULT_ON) == []
    [why] = why_not(DEFAULT_ON, "staging", DAYS, LATER)
    assert "in raxx-api-prod it is known to be so since 2026-03-31 11:59 UTC" in why
    take({}, **app, now=LATER + timedelta(days=DAYS) - SECOND)
    assert "settled" in reasons(DEFAULT_ON, now=LATER + timedelta(days=DAYS))


def test_not_while_a_promotion_of_it_is_open(superadmin):
    """Prod has it on by default, and shall have a row."""
    assert reasons(DEFAULT_ON) == ["settled"]
    promotion = marked(console_actor(superadmin), DEFAULT_ON, START)
    assert reasons(DEFAULT_ON) == []
    Promotion.objects.filter(pk=promotion.pk).update(state=State.EXPIRED, expired_at=START)
    assert reasons(DEFAULT_ON) == ["settled", "default"]


def test_not_the_self_gate_which_is_there_to_be_turned():
    assert reasons(GATE_KEY) == []


def test_a_row_of_an_environment_that_never_reported_counts_and_the_line_says_so():
    ConfigVarReport.objects.filter(env="prod").delete()
    assert reasons() == []  # nobody knows prod's config var
    pinned()
    entry = the(Reason.SETTLED)
    assert "whether its rows are read cannot be seen from here" in entry.why
    assert any("config vars of prod cannot be seen from here" in why for why in unseen())


# --- rows equal to their default ---


def test_a_row_equal_to_its_default_with_the_statement_that_deletes_it():
    pin(KEY, "prod", False, now=LATER - SECOND)
    entry = the(Reason.DEFAULT, env="prod")
    assert "its row says off (a test" in entry.why
    assert entry.why.endswith("without it, it stays off")
    assert entry.commands == (
        "heroku pg:psql --app raxx-console-prod",
        "DELETE FROM console_feature_flags "
        "WHERE flag_key='console_billing' AND env='prod' AND value=0;",
        "python manage.py flag_reconcile console_billing --env prod "
        "--reason 'row equal to its default' --incident clean-up",
    )


def test_a_row_that_differs_from_its_default_is_needed():
    pin(KEY, "staging", True, now=START)
    assert reasons() == []


def test_a_row_that_keeps_a_config_var_dormant_is_needed(monkeypatch):
    pin(KEY, "staging", False, now=START)
    assert reasons(now=START) == ["default"]
    monkeypatch.setenv("FLAG_CONSOLE_BILLING", "1")
    assert reasons(now=START) == []


def test_so_is_one_of_the_other_environment_as_it_was_reported():
    pin(KEY, "prod", False, now=START)
    take({KEY: True}, now=START)
    assert reasons(env="prod", now=START) == []


def test_so_is_one_that_shadows_the_config_var_of_another_app_that_reads_rows():
    pin(KEY, "prod", False, now=START)
    take({KEY: True}, app=API["prod"], now=START)
    assert reasons(env="prod", now=START) == []


def test_a_config_var_that_says_the_same_goes_before_the_row():
    pinned(value=False)
    take({KEY: False}, now=START)
    ready = START + timedelta(hours=24)
    assert reasons(env="prod", now=ready - SECOND) == []
    entry = the(Reason.DEFAULT, env="prod", now=ready)
    assert entry.why.endswith("it stays off, by the config var of raxx-console-prod")
    assert entry.step.startswith("Not yet: its config var")
    assert entry.commands == ("python manage.py deprecation_table",)
    assert reasons(env="staging", now=ready) == []  # without it prod's would not be ready
    take({}, now=ready)
    for env in ENVS:
        assert "DELETE FROM" in "".join(the(Reason.DEFAULT, env=env, now=ready).commands)


def test_a_flag_whose_config_var_is_still_set_is_settled_all_the_same():
    """One app's report is too old to call the variable ready. The line has the order: the code, the
    declaration, the config vars, the rows."""
    pinned()
    take({KEY: True}, app=API["prod"], imported=True, now=START)
    assert reasons() == ["settled"]
    step = the(Reason.SETTLED).step
    order = ["out of the code", "YAML file", "config vars go next", "its rows last"]
    assert sorted(order, key=step.index) == order


def test_a_row_is_needed_while_a_promotion_is_open(superadmin):
    marked(console_actor(superadmin), DEFAULT_ON, START)
    assert reasons(DEFAULT_ON, now=START) == []
    pin(DEFAULT_ON, "prod", True, now=START)
    assert reasons(DEFAULT_ON, "prod", now=START) == []


def test_without_a_report_of_the_other_environment_nothing_is_said_of_its_rows():
    pin(KEY, "prod", False, now=START)
    ConfigVarReport.objects.filter(env="prod").delete()
    assert "default" not in reasons(env="prod")
    assert any("rows equal to their default may be missing" in why for why in unseen("prod"))


def test_a_report_that_was_read_in_by_hand_counts_for_a_day():
    pin(KEY, "prod", False, now=START)
    ConfigVarReport.objects.filter(env="prod").update(imported=True)
    day = timedelta(hours=24)
    assert reasons(env="prod", now=START + day) == ["default"]
    assert reasons(env="prod", now=START + day + SECOND) == []


@pytest.mark.parametrize("value", [True, False])
def test_what_is_listed_keeps_its_value_without_its_row(value):
    """The proof, tried: delete as the list says, and ask again."""
    key = DEFAULT_ON if value else KEY
    pin(key, "staging", value, now=START)
    entry = the(Reason.DEFAULT, key, now=START)
    [statement] = [each for each in entry.commands if each.startswith("DELETE")]
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount == 1
    state = read_state(key, "staging")
    assert (state.value, state.source) == (value, "yaml")
    assert AuditEntry.objects.latest("pk").payload["to"] is None
    assert "default" not in reasons(key, now=START)


# --- rows without a declaration ---


@pytest.mark.parametrize("env", ENVS)
def test_a_row_without_a_declaration_in_its_environment(env):
    raw_insert(1, "gone_flag", env)
    entry = the(Reason.UNDECLARED, "gone_flag", env)
    assert f"{env} does not declare it: nothing reads the row" in entry.why
    assert f"WHERE flag_key='gone_flag' AND env='{env}' AND value=1;" in entry.commands[-1]
    other = next(each for each in ENVS if each != env)
    assert reasons("gone_flag", other) == []


def test_where_the_other_environment_declares_it_the_line_says_so():
    DeclaredFlag.objects.filter(env="prod", flag_key=KEY).delete()
    raw_insert(1, KEY, "prod")
    assert the(Reason.UNDECLARED, env="prod").why.endswith("the other environment declares it")


def test_a_key_with_a_quote_is_quoted():
    raw_insert(0, "it's", "staging")
    assert "flag_key='it''s'" in the(Reason.UNDECLARED, "it's").commands[-1]


def test_an_environment_that_never_told_what_it_declares_has_no_such_rows():
    DeclaredFlag.objects.filter(env="prod").delete()
    raw_insert(1, "gone_flag", "prod")
    assert reasons("gone_flag", "prod") == []
    for env in ENVS:
        assert any("what prod declares cannot be seen from here" in why for why in unseen(env))


# --- what is not seen ---


def test_apps_that_never_told_are_named_with_the_way_to_see_them():
    [entry] = [each for each in clean_up("staging", DAYS, LATER) if each.reason is Reason.UNSEEN]
    assert "raxx-api-prod, raxx-api-staging cannot be seen from here" in entry.why
    assert all("import_config_vars" in command for command in entry.commands)
    for env, app in API.items():
        take({}, app=app, env=env, switch=None, now=START)
    assert unseen() == []


def test_one_flag_alone():
    pinned()
    pin(DEFAULT_ON, "staging", True, now=START)
    found = clean_up("staging", DAYS, LATER, key=KEY)
    assert [each.flag for each in found if each.flag] == [KEY]
    raw_insert(1, "gone_flag", "staging")
    found = clean_up("staging", DAYS, LATER, key="gone_flag")
    assert [each.reason for each in found if each.flag] == [Reason.UNDECLARED]
    assert all("declares cannot be seen" not in each.why for each in found)


def test_the_order_is_of_reasons_then_of_flags():
    pinned(value=False)
    raw_insert(1, "a_gone_flag", "staging")
    found = clean_up("staging", DAYS, LATER)
    order = [list(Reason).index(each.reason) for each in found]
    assert order == sorted(order)
    keys = [each.flag for each in found if each.reason is Reason.SETTLED]
    assert keys == sorted(keys)


def test_a_release_of_both_consoles_is_all_that_it_takes():
    """By the commands as they run in the release phase."""
    for env in ENVS:
        release(env)
    assert clean_up("prod", 0, datetime.now(UTC) + SECOND)


@pytest.mark.parametrize("env", ENVS)
def test_a_config_var_of_an_app_that_reads_no_rows_keeps_the_rows_that_it_is_to_have(env):
    """There it decides. The deprecation table calls it active, and asks for rows in both."""
    pinned(value=False)
    take({KEY: False}, app=API["prod"], switch=None, now=START)
    assert reasons(env=env, now=START) == []
    [why] = [each for each in why_not(KEY, env, DAYS, START) if "active" in each]
    assert "FLAG_CONSOLE_BILLING of raxx-api-prod in prod is active by the deprecation" in why
    assert "raxx-api-prod does not read database rows" in why
    take({}, app=API["prod"], switch=None, now=START)
    assert reasons(env=env, now=START) == ["default"]


def test_a_contrary_config_var_keeps_the_row_however_long_ago_it_was_told_of():
    pin(KEY, "prod", False, now=START)
    take({KEY: True}, app=API["prod"], imported=True, now=START)
    assert reasons(env="prod", now=START + timedelta(hours=25)) == []


def test_services_that_read_over_http_are_named_where_the_question_is_to_go():
    pinned()
    assert "over HTTP" not in the(Reason.SETTLED).step
    create("reads", "prod", "raptor-prod", actor=shell_actor())
    assert "of raptor-prod too, which read flags over HTTP" in the(Reason.SETTLED).step
