"""Section 6, continued: rows changed by SQL, the layer off, the database away, and afterwards."""

from flags.models import FeatureFlag
from flags.reconcile import look
from tests.processes import raw_sql
from tests.runbook.console import Console, Happened
from tests.runbook.section_6 import APP, FLIP, OPTION_B, OTHER, SEEN, STATUS, why_of, with_rows
from tests.runbook.sections_1_to_5 import KEY, PAGE, line_of, parsed
from tests.runbook.table import does, only, prepared

# --- 6.5 option A ---


@prepared(PAGE, "6.5")
def _rows_in_both(console: Console) -> None:
    with_rows(console)


def a_statement() -> str:
    return "SELECT count(*) FROM console_feature_flags"


@does(PAGE, "6.5", "heroku pg:psql --app <app-name>", answers=a_statement)
def _psql_answers(console: Console, it: Happened) -> None:
    only(it, calls=[["pg:psql", "--app", APP]])
    assert it.out == f"{FeatureFlag.objects.count()}\n"


LOOK = """\
SELECT flag_key, env, value, updated_at
FROM console_feature_flags
WHERE flag_key='<flag_key>' AND env='<env>';"""
UPDATE = """\
UPDATE console_feature_flags SET value=1, updated_at=CURRENT_TIMESTAMP
WHERE flag_key='<flag_key>' AND env='<env>';"""


@does(PAGE, "6.5", LOOK)
def _the_one_row(console: Console, it: Happened) -> None:
    only(it)
    [(key, env, value, updated_at)] = it.answer
    assert (key, env, value, bool(updated_at)) == (KEY, "prod", 0, True)


@does(PAGE, "6.5", UPDATE)
def _one_row_changes_and_the_log_knows(console: Console, it: Happened) -> None:
    only(it, rows={(KEY, "prod"): True}, acts=[("flag.flip", "sql")])
    assert it.answer == 1
    assert it.audit[0].payload == {"flag": KEY, "env": "prod", "from": False, "to": True}
    assert it.audit[0].admin is None
    assert look(KEY, "prod").outside
    assert console.is_on(KEY, "prod")


# --- 6.6 option B ---


@prepared(PAGE, "6.6")
def _rows_that_cannot_be_changed(console: Console) -> None:
    with_rows(console)


B = (
    "heroku config:set FLAG_CONSOLE_FEATURE_FLAGS_DB=0 FLAG_<FLAG_KEY>=1 "
    "--app <app-name> >/dev/null 2>&1"
)


@does(PAGE, "6.6", B)
def _the_layer_is_off_and_the_var_decides(console: Console, it: Happened) -> None:
    only(it, acts=[SEEN, SEEN], calls=[[*OPTION_B.split(), APP]])
    assert (console.is_on(KEY, "prod"), console.source(KEY, "prod")) == (True, "env")
    assert console.source(KEY, "staging") == "db"


@does(PAGE, "6.6", UPDATE)
def _the_row_follows(console: Console, it: Happened) -> None:
    only(it, rows={(KEY, "prod"): True}, acts=[("flag.flip", "sql")])
    assert it.answer == 1


@does(
    PAGE,
    "6.6",
    "heroku config:set FLAG_CONSOLE_FEATURE_FLAGS_DB=1 --app <app-name> >/dev/null 2>&1",
)
def _rows_decide_again(console: Console, it: Happened) -> None:
    calls = [["config:set", "FLAG_CONSOLE_FEATURE_FLAGS_DB=1", "--app", APP]]
    only(it, acts=[SEEN], calls=calls)
    assert (console.is_on(KEY, "prod"), console.source(KEY, "prod")) == (True, "db")


# --- 6.7 the database is down ---


@prepared(PAGE, "6.7")
def _it_is_away(console: Console) -> None:
    console.set_vars(APP, FLAG_CONSOLE_BILLING="1")
    console.database_is_down = True


@does(PAGE, "6.7", STATUS, status=3)
def _config_vars_and_yaml_answer(console: Console, it: Happened) -> None:
    only(it)
    assert "THE DATABASE DOES NOT ANSWER" in it.out
    assert line_of(it) == [KEY, "prod", "on", "env", "?", "on", "off", "low"]


@does(PAGE, "6.7", FLIP.replace(" --incident <INC-1>", ""), status=1)
def _nothing_is_written_and_the_ways_are_named(console: Console, it: Happened) -> None:
    only(it)
    for app in (APP, OTHER):
        assert f"heroku {OPTION_B} {app} >/dev/null 2>&1" in it.out
    assert "WHERE flag_key='console_billing' AND env='prod';" in it.out


# --- 6.8 afterwards ---


@prepared(PAGE, "6.8")
def _three_flags_were_changed_by_sql(console: Console) -> None:
    with_rows(console)
    raw_sql.change("UPDATE console_feature_flags SET value=1 WHERE env='prod'")
    raw_sql.change("UPDATE console_feature_flags SET value=1 WHERE env='staging'")


RECONCILE = (
    'python manage.py flag_reconcile <flag_key> --env <env> --reason "<why>" --incident <INC-1>'
)


@does(PAGE, "6.8", RECONCILE)
def _one_is_answered_for(console: Console, it: Happened) -> None:
    only(it, acts=[("flag.reconciled", "cli")])
    assert why_of(it) == ("orders fail", "INC-7")
    assert not look(KEY, "prod").outside
    assert look(KEY, "staging").outside
    assert look("email_digest_weekly", "prod").outside


@does(PAGE, "6.8", RECONCILE.replace(" <flag_key>", ""))
def _so_are_all_others_of_the_environment(console: Console, it: Happened) -> None:
    only(it, acts=[("flag.reconciled", "cli")])
    assert why_of(it) == ("orders fail", "INC-7")
    assert not look("email_digest_weekly", "prod").outside
    assert look(KEY, "staging").outside


@does(PAGE, "6.8", STATUS)
def _the_value_stayed(console: Console, it: Happened) -> None:
    only(it)
    assert line_of(it)[1:5] == ["prod", "on", "db", "on"]
    told = raw_sql.rows(
        "SELECT action, channel, context FROM console_audit_log"
        f" WHERE target_id='{KEY}' ORDER BY id"
    )
    acts = [(action, channel) for action, channel, _ in told]
    assert acts[-1] == ("console.flag.reconciled", "cli")
    assert acts.count(("console.flag.flip", "sql")) == 2
    assert parsed(told[-1][2])["incident"] == "INC-7"
