"""The two SQL statements of the runbook that operators had before this console, word for word,
through the database's own driver. Ours are in `tests/runbook/`."""

import json
from datetime import UTC, datetime, timedelta

import pytest

import flags
from flags.models import FeatureFlag
from flags.reconcile import look
from tests.processes import raw_sql
from tests.processes.application import application
from tests.processes.flipping import flip
from tests.processes.server import manage
from tests.timed import in_time

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "console_billing"

# Section 4.
SELECT = """\
SELECT created_at, admin_id, payload
FROM console_audit_log
WHERE action = 'console.flag.flip'
ORDER BY created_at DESC
LIMIT 50;
"""

# Section 6, option A. Whoever types it fills in <flag_key> and <env>.
UPDATE = """\
UPDATE console_feature_flags SET value=1, updated_at=CURRENT_TIMESTAMP
WHERE flag_key='<flag_key>' AND env='<env>';
"""


def update(key: str, env: str) -> int:
    return raw_sql.change(UPDATE.replace("<flag_key>", key).replace("<env>", env))


def parsed(payload):
    """PostgreSQL's driver parses JSON itself; SQLite's gives the text."""
    return json.loads(payload) if isinstance(payload, str) else payload


def test_the_select_lists_flips_and_nothing_else_with_the_latest_first():
    manage("create_operator", "erin", "--role", "ops", OPERATOR_PASSWORD="correct-horse-battery")
    for to in ("on", "off"):
        manage("flag_flip", KEY, to, "--env", "staging", "--reason", "launch", "--as", "erin")

    listed = raw_sql.rows(SELECT)
    assert [parsed(payload) for _, _, payload in listed] == [
        {"flag": KEY, "env": "staging", "from": True, "to": False},
        {"flag": KEY, "env": "staging", "from": False, "to": True},
    ]
    (erin,) = raw_sql.rows("SELECT id FROM accounts_user WHERE username = 'erin'")
    assert {admin_id for _, admin_id, _ in listed} == set(erin)
    assert all(created_at for created_at, _, _ in listed)


def test_the_update_is_seen_by_another_process_within_the_ttl():
    flip(KEY, False)
    with application(FLAGS_TTL_SECONDS="3") as reader:
        assert reader.call(flags.is_on, KEY) is False
        assert update(KEY, "staging") == 1
        with in_time():
            assert reader.turns(KEY, True) < 3


def test_after_the_update_the_console_still_reads_and_flips_the_row():
    flip(KEY, False)
    update(KEY, "staging")
    row = FeatureFlag.objects.get()
    assert row.value == 1
    # SQLite's CURRENT_TIMESTAMP has a grain of one second.
    assert abs(datetime.now(UTC) - row.updated_at) < timedelta(seconds=5)
    (status,) = json.loads(manage("flag_status", KEY, "--json").stdout)
    assert (status["value"], status["source"]) == (True, "db")
    manage("flag_flip", KEY, "off", "--env", "staging", "--reason", "reconcile")
    assert FeatureFlag.objects.get().value == 0


def test_the_update_is_marked_until_flag_reconcile_answers_for_it_with_the_incident():
    flip(KEY, False)
    why = ("--env", "staging", "--reason", "the console was down", "--incident", "INC-7")
    assert manage("flag_reconcile", *why).stdout == "There is nothing to reconcile in staging.\n"
    update(KEY, "staging")
    assert look(KEY, "staging").outside

    said = manage("flag_reconcile", *why).stdout
    assert said == f"{KEY} in staging: reconciled (INC-7); it stays on.\n"
    assert not look(KEY, "staging").outside
    assert FeatureFlag.objects.get().value == 1
    (told,) = raw_sql.rows(
        "SELECT channel, payload, context FROM console_audit_log"
        " WHERE action = 'console.flag.reconciled'"
    )
    assert (told[0], parsed(told[1])) == ("cli", {"flag": KEY, "env": "staging", "value": True})
    assert parsed(told[2])["incident"] == "INC-7"
    refused = manage("flag_reconcile", "no_such_flag", *why, check=False)
    assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)


def test_an_insert_of_key_environment_and_value_alone_is_enough():
    with application(FLAGS_TTL_SECONDS="1") as reader:
        assert reader.call(flags.is_on, KEY) is False
        raw_sql.change(
            "INSERT INTO console_feature_flags (flag_key, env, value) "
            f"VALUES ('{KEY}', 'staging', 1)"
        )
        took = reader.turns(KEY, True)
    age = datetime.now(UTC) - FeatureFlag.objects.get().updated_at
    assert abs(age) < timedelta(minutes=10)
    with in_time():
        assert took < 3
        assert age < timedelta(seconds=5)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO console_feature_flags (flag_key, env, value) VALUES ('other', 'staging', 2)",
        f"INSERT INTO console_feature_flags (flag_key, env, value) VALUES ('{KEY}', 'staging', 1)",
        "INSERT INTO console_feature_flags (flag_key, env, value) VALUES ('other', 'dev', 1)",
        "UPDATE console_feature_flags SET value=2",
        "UPDATE console_feature_flags SET value=-1",
        "UPDATE console_feature_flags SET value=NULL",
        "UPDATE console_feature_flags SET env='Staging'",
    ],
)
def test_raw_sql_that_makes_no_sense_is_refused_by_the_database(statement):
    flip(KEY, False)
    before = list(FeatureFlag.objects.values())
    with pytest.raises(raw_sql.Errors):
        raw_sql.change(statement)
    assert list(FeatureFlag.objects.values()) == before
