"""Commands of the bad night, as real processes, while the database refuses or is empty."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from audit.models import AuditEntry
from flags.models import ConfigVarReport, FeatureFlag
from tests.flags.heroku.stub_cli import SECRET, install
from tests.processes import server
from tests.processes.outage import outage
from tests.processes.test_database_away import empty_database  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)

KEY, OFF_BY_ENV = "console_billing", "console_customer_notes"
ENV = {"FLAG_CONSOLE_CUSTOMER_NOTES": "0", "FLAG_CONSOLE_BILLING": "1", "FLAG_STRAY": "1"}


@contextmanager
def refused() -> Iterator[str]:
    """The URL of a database that refuses."""
    with outage("refuses") as database:
        database.begin()
        yield database.url
        # What is put back need not be what was there.
        database.end()


def written() -> list[list]:
    return [list(model.objects.values()) for model in (FeatureFlag, AuditEntry, ConfigVarReport)]


def run(url: str, *arguments: str, **extra: str):
    return server.manage(*arguments, check=False, DATABASE_URL=url, DEBUG="0", **extra)


def production(**extra: str) -> dict[str, str]:
    return {
        "SECRET_KEY": "only-for-tests",
        "AUDIT_SIGNING_KEY": "only-for-tests",
        "ALLOWED_HOSTS": "localhost",
        **ENV,
        **extra,
    }


def typed(text: str) -> list[str]:
    """All that is no comment."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_with_the_database_refusing_commands_answer_from_env_and_yaml_and_write_nothing(declared):
    before = written()
    with refused() as url:
        status = run(url, "flag_status", **production())
        in_json = run(url, "flag_status", KEY, "--json", **production())
        other = run(url, "flag_status", KEY, "--env", "prod", **production())
        flip = run(
            url, "flag_flip", KEY, "off", "--env", "staging", "--reason", "x", **production()
        )
        printed = run(url, "heroku_commands", KEY, "off", "--env", "staging", **production())

    assert status.returncode == 3
    assert status.stdout.startswith("THE DATABASE DOES NOT ANSWER: ")
    assert "The database does not answer as it should: " in status.stderr
    rows = {line.split()[0]: line.split()[1:] for line in status.stdout.splitlines() if line}
    assert rows[KEY] == ["staging", "on", "env", "?", "on", "off", "low"]
    assert rows[OFF_BY_ENV] == ["staging", "off", "env", "?", "off", "on", "low"]
    assert rows["raptor_cursor_paging"] == ["staging", "on", "yaml", "?", "-", "on", "low"]
    assert "stray: FLAG_STRAY is set" in status.stdout

    assert in_json.returncode == 3
    [said] = json.loads(in_json.stdout)
    assert (said["value"], said["source"]) == (True, "env")
    assert said["layers"] == {"db": None, "env": True, "yaml": False}
    assert (said["db_layer_known"], said["env_layer_known"]) == (False, True)

    # Of the other environment this release's YAML is all that there is.
    assert other.returncode == 3
    assert [KEY, "prod", "off?", "yaml?", "?", "?", "off", "low"] in map(
        str.split, other.stdout.splitlines()
    )
    assert "its values are not known" in other.stdout
    assert "those that start get what is shown" not in other.stdout
    assert f"heroku config:get FLAG_{KEY.upper()} --app raxx-console-prod" in other.stdout
    assert f"python manage.py heroku_commands {KEY} on|off --env prod" in other.stdout

    assert (flip.returncode, printed.returncode) == (1, 0)
    assert "does not answer as it should" in flip.stderr
    assert typed(flip.stdout) == typed(printed.stdout)
    assert "heroku config:set FLAG_CONSOLE_FEATURE_FLAGS_DB=0 FLAG_CONSOLE_BILLING=0" in flip.stdout
    assert "The database does not answer" in printed.stderr
    for done in (status, in_json, other, flip, printed):
        assert "Traceback" not in done.stderr
    assert written() == before


def test_with_the_database_refusing_commands_are_run_and_the_log_is_said_not_to_have_it(
    declared, tmp_path
):
    before = written()
    cli = install(tmp_path)
    ask = ("heroku_commands", KEY, "off", "--env", "prod", "--run")
    with refused() as url:
        unasked = run(url, *ask, **production(PATH=cli.path))
        done = run(url, *ask, "--yes", **production(PATH=cli.path))
    assert unasked.returncode == 1
    assert "Nothing was run" in unasked.stderr
    assert done.returncode == 0
    assert "the audit log will not have this: note it in the incident" in done.stderr
    both = ["FLAG_CONSOLE_FEATURE_FLAGS_DB=0", "FLAG_CONSOLE_BILLING=0"]
    assert cli.asked == [
        ["config:set", *both, "--app", app] for app in ("raxx-console-prod", "raxx-api-prod")
    ]
    assert SECRET not in done.stdout + done.stderr
    assert written() == before


def test_before_the_first_migration_each_item_of_the_checklist_has_a_useful_line(
    empty_database,  # noqa: F811
):
    done = run(empty_database, "ga_checklist", **production())
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for number, verdict in enumerate(
        ("FAIL", *["CANNOT BE SEEN FROM HERE"] * 4, "PASS", "CANNOT BE SEEN FROM HERE"), 1
    ):
        assert f"\n{number}. {verdict}: " in f"\n{done.stdout}"
    assert (
        "fail: flags.0001_initial is not applied\n      python manage.py migrate\n" in done.stdout
    )
    assert "the database does not answer as it should: " in done.stdout
    in_json = json.loads(run(empty_database, "ga_checklist", "--json", **production()).stdout)
    assert all(item["evidence"] for item in in_json)


def test_commands_that_must_write_or_read_say_that_the_database_fails(
    empty_database,  # noqa: F811
):
    for command in (("sync_flags",), ("deprecation_table",)):
        done = run(empty_database, *command, **production())
        assert done.returncode == 1
        assert "On a new database run python manage.py migrate first" in done.stderr
        assert "Traceback" not in done.stderr
