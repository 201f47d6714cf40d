"""`ga_checklist`: what a fresh install lacks, a prepared one has, and each undoing alone."""

import io
import json
from datetime import timedelta
from functools import cache

import pytest
from django.core.management import CommandError, call_command
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from audit.models import AuditEntry
from flags.gate import GATE
from flags.heroku import looks
from flags.heroku.checklist import checklist
from flags.heroku.findings import Verdict
from flags.models import ConfigVar, ConfigVarReport, DeclaredFlag, Env
from tests.flags.heroku.reporting import API, CONSOLES, KEY, VAR, pin, release, take, told
from tests.flags.outside import raw_delete, raw_insert, without_triggers

PASS, FAIL, UNSEEN = "pass", "fail", "cannot be seen from here"
NOTES = "console_customer_notes"


def verdicts() -> list[str]:
    return [item.verdict.value for item in checklist(timezone.now())]


def run(*arguments: str) -> tuple[str, str]:
    """What the command writes, and what it fails with: "" where it does not."""
    out = io.StringIO()
    try:
        call_command("ga_checklist", *arguments, stdout=out)
    except CommandError as error:
        assert error.returncode == 1
        return out.getvalue(), str(error)
    return out.getvalue(), ""


READS = cache(looks.reads)


@pytest.fixture(autouse=True)
def _sources_are_read_once(monkeypatch):
    """No test here changes our sources; what one finds in them, all others do."""
    monkeypatch.setattr(looks, "reads", READS)


@pytest.fixture
def prepared(declared):
    """As at the sign-off: rows, flips, reports of all apps, one variable dormant, one removed."""
    for env in Env.values:
        release(env, {VAR: "1", "FLAG_CONSOLE_FLAG_MGMT": "1"})
        pin(KEY, env, True)
        release(env, {VAR: "1"})
        take({KEY: True}, app=API[env], env=env, imported=True)


def test_a_prepared_install_passes_with_evidence_for_each_item(prepared):
    text, failure = run()
    assert failure == ""
    assert [line for line in text.splitlines() if line[:1].isdigit()] == [
        f"{item.number}. PASS: {item.title}" for item in checklist(timezone.now())
    ]
    entries = AuditEntry.objects.filter(action="console.flag.flip")
    removed = AuditEntry.objects.filter(action="console.config_var.removed")
    assert (entries.count(), removed.count()) == (2, 2)
    for line in (
        "pass: flags.0004_service_tokens applied 20",
        "pass: FLAG_CONSOLE_FEATURE_FLAGS_DB of raxx-console-prod (prod) is 1, reported 20",
        f"pass: {VAR} of raxx-console-staging in staging: row ",
        *(f"{KEY} in {entry.payload['env']}: audit row {entry.pk}, 20" for entry in entries),
        "pass: not set on raxx-console-prod (prod), as reported 20",
        "pass: flags/config_vars.py alone",
        "pass: raxx-api-prod (prod) reported 20",
        *(f"FLAG_CONSOLE_FLAG_MGMT of {entry.payload['app']} in " for entry in removed),
        *(f", audit row {entry.pk}" for entry in removed),
        f"pass: {VAR} of raxx-api-prod in prod: soaking, shadowed by a row since 20",
    ):
        assert line in text


def test_the_json_form_has_the_same(prepared):
    text, failure = run("--json")
    items = json.loads(text)
    assert failure == ""
    assert [(item["item"], item["verdict"]) for item in items] == [(n, PASS) for n in range(1, 8)]
    for item, seen in zip(items, checklist(timezone.now()), strict=True):
        assert item["title"] == seen.title
        assert [each["text"] for each in item["evidence"]] == [each.text for each in seen.findings]
        assert {each["command"] for each in item["evidence"]} == {None}


# --- a fresh install -----------------------------------------------------------------------------


def test_a_migrated_install_lacks_what_nobody_told_and_says_how_to_look(db):
    text, failure = run()
    assert verdicts() == [PASS, UNSEEN, UNSEEN, FAIL, UNSEEN, PASS, UNSEEN]
    assert failure == "5 of 7 items do not pass: 2, 3, 4, 5, 7."
    for line in (
        "heroku config:get FLAG_CONSOLE_FEATURE_FLAGS_DB --app raxx-console-prod\n",
        "heroku config:get FLAG_CONSOLE_FLAG_MGMT --app raxx-console-staging\n",
        "heroku config --json --app raxx-console-prod | python manage.py import_config_vars "
        "--app raxx-console-prod\n",
        "no flag has a database row yet: none was migrated",
        'python manage.py flag_flip "<key>" "<on|off>" --env "<env>" --reason',
        "raxx-api-prod (prod) never reported",
    ):
        assert line in text


def test_a_migrated_and_synced_install_lacks_the_other_environment(db):
    release("staging", {VAR: "1"})
    text, failure = run()
    assert verdicts() == [PASS, UNSEEN, FAIL, FAIL, UNSEEN, PASS, UNSEEN]
    assert failure.startswith("5 of 7")
    assert f"fail: {VAR} of raxx-console-staging in staging: no database row in staging" in text
    assert f'flag_flip {KEY} "<on|off>" --env staging' in text
    assert "raxx-console-prod (prod) never reported its config vars, or not of late: rel" in text


def test_each_item_that_does_not_pass_has_a_command_or_a_sentence_for_it(db):
    release("staging", {VAR: "1"}, switch="0")
    for item in checklist(timezone.now()):
        missed = [each for each in item.findings if each.verdict is not Verdict.PASS]
        assert item.verdict is Verdict.PASS or missed
        assert all(each.text and each.command for each in missed)


# --- undone, one by one --------------------------------------------------------------------------


def _migration(settings, tmp_path):
    MigrationRecorder.Migration.objects.filter(app="flags", name="0004_service_tokens").delete()


def _switch_of_prod(settings, tmp_path):
    release("prod", {VAR: "1"}, switch="0")


def _switch_of_staging(settings, tmp_path):
    release("staging", {VAR: "1"}, switch="")


def _switch_of_this_process(settings, tmp_path):
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False


def _var_without_a_row(settings, tmp_path):
    release("prod", {VAR: "1", "FLAG_CONSOLE_CUSTOMER_NOTES": "0"})


def _removed_while_it_was_on_and_had_no_row(settings, tmp_path):
    release("prod", {VAR: "1", "FLAG_CONSOLE_ORDER_SEARCH_V2": "1"})
    release("prod", {VAR: "1"})


def _row_without_its_flip(settings, tmp_path):
    raw_delete(KEY, "prod")
    without_triggers(lambda: raw_insert(1, KEY, "prod"))


def _gate_set_again(settings, tmp_path):
    release("prod", {VAR: "1", "FLAG_CONSOLE_FLAG_MGMT": "0"})


def _second_reader(settings, tmp_path):
    (tmp_path / "flags").mkdir()
    (tmp_path / "flags" / "odd.py").write_text('import os\n\nos.environ.get("FLAG_X")\n')
    settings.BASE_DIR = tmp_path


def _never_reported(settings, tmp_path):
    settings.HEROKU_APPS = {**settings.HEROKU_APPS, "raptor": "prod"}


def _read_in_long_ago(settings, tmp_path):
    before = timezone.now() - timedelta(hours=24, seconds=1)
    ConfigVarReport.objects.filter(app=API["prod"]).update(last_at=before)


def _removal_that_the_log_does_not_know(settings, tmp_path):
    ConfigVar.objects.filter(app=API["prod"], flag_key=KEY).update(removed_at=timezone.now())


UNDOINGS = [
    (_migration, 1, FAIL, "flags.0004_service_tokens is not applied"),
    (_switch_of_prod, 2, FAIL, "heroku config:set FLAG_CONSOLE_FEATURE_FLAGS_DB=1 --app"),
    (_switch_of_staging, 2, FAIL, "of raxx-console-staging (staging) is not 1"),
    (_switch_of_this_process, 2, FAIL, "of raxx-console-staging (staging) is not 1"),
    (_var_without_a_row, 3, FAIL, f'flag_flip {NOTES} "<on|off>" --env prod'),
    (
        _removed_while_it_was_on_and_had_no_row,
        3,
        FAIL,
        "and it is removed: the flag is off since",
    ),
    (_row_without_its_flip, 4, FAIL, f"{KEY} in prod: the log has no flip of its row"),
    (_gate_set_again, 5, FAIL, "config:unset FLAG_CONSOLE_FLAG_MGMT --app raxx-console-prod >/"),
    (_second_reader, 6, FAIL, "flags/odd.py:3 reads FLAG_*"),
    (_never_reported, 7, UNSEEN, "import_config_vars --app raptor\n"),
    (_read_in_long_ago, 7, UNSEEN, "raxx-api-prod (prod) was read in 20"),
    (_removal_that_the_log_does_not_know, 7, FAIL, "the audit log does not know of it"),
]


@pytest.mark.parametrize(
    ("undo", "number", "verdict", "says"), UNDOINGS, ids=[undo.__name__ for undo, *_ in UNDOINGS]
)
def test_undoing_a_single_thing_fails_exactly_its_item(
    prepared, settings, tmp_path, undo, number, verdict, says
):
    undo(settings, tmp_path)
    text, failure = run()
    expected = [verdict if each == number else PASS for each in range(1, 8)]
    assert failure == f"1 of 7 items do not pass: {number}."
    assert says in text
    assert [item["verdict"] for item in json.loads(run("--json")[0])] == expected


def test_what_was_read_in_of_a_console_long_ago_shows_nothing_of_it_as_it_is(prepared):
    console = ConfigVarReport.objects.filter(app=CONSOLES["prod"])
    console.update(imported=True)
    assert verdicts() == [PASS] * 7
    console.update(last_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert verdicts() == [PASS, UNSEEN, UNSEEN, PASS, UNSEEN, PASS, UNSEEN]


def test_the_gate_is_no_variable_that_needs_a_row(prepared):
    assert ConfigVar.objects.filter(flag_key=GATE, removed_at__isnull=False).count() == 2
    assert verdicts()[2] == PASS


def test_where_no_app_of_an_environment_is_named_the_command_can_still_be_pasted(db, settings):
    settings.HEROKU_APPS = {"raxx-api-staging": "staging"}
    text, _ = run()
    assert "heroku config:get FLAG_CONSOLE_FLAG_MGMT --app '<console of prod>'\n" in text


def test_looking_writes_nothing(prepared):
    before = AuditEntry.objects.count()
    run()
    assert AuditEntry.objects.count() == before
    assert told("ga_checklist")
    assert {report.app for report in ConfigVarReport.objects.all()} == {
        *CONSOLES.values(),
        *API.values(),
    }


def test_a_self_gate_that_is_set_and_declared_nowhere_is_seen(prepared, settings, tmp_path):
    """Its declaration may be gone before its config var is."""
    DeclaredFlag.objects.filter(flag_key=GATE).delete()
    settings.FEATURE_FLAGS_FILE = tmp_path / "flags.yaml"
    settings.FEATURE_FLAGS_FILE.write_text(
        "console_billing:\n  default: false\n  description: billing\n  risk: low\n"
    )
    release("prod", {"FLAG_CONSOLE_FLAG_MGMT": "1"})
    assert "FLAG_CONSOLE_FLAG_MGMT is set on raxx-console-prod (prod)" in run()[0]
