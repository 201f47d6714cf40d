"""`audit_verify`: what it looks at besides the chain, what it takes, what it says."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from audit import triggers
from audit.damage import SHOWN, Kind
from audit.models import AuditEntry
from audit.verification import Verification
from flags.models import FeatureFlag
from tests.audit.damaging import first, found, links, sealed_rows, sql
from tests.audit.test_record import write
from tests.flags.test_flags_page import turn
from tests.pages import LOW

pytestmark = pytest.mark.django_db
ROW = f"flag_key = '{LOW}' AND env = 'staging'"


def told(*arguments: str, code: int = 0) -> str:
    """What the command prints; it must exit with `code`."""
    out = StringIO()
    if code:
        with pytest.raises(SystemExit) as left:
            call_command("audit_verify", *arguments, stdout=out)
        assert left.value.code == code
    else:
        call_command("audit_verify", *arguments, stdout=out)
    return out.getvalue()


# --- flags and their rows ----------------------------------------------------


@pytest.fixture
def flipped(ops):
    for value in (True, False, True):
        turn(ops, value=value)


def test_flips_and_raw_changes_are_accounted_for(flipped, ops):
    FeatureFlag.objects.update(value=0)
    FeatureFlag.objects.create(flag_key="another", env="prod", value=1)
    FeatureFlag.objects.filter(flag_key=LOW).delete()
    turn(ops)
    FeatureFlag.objects.filter(flag_key=LOW).delete()
    assert found() == {}


UNACCOUNTED = {
    "value": f"UPDATE console_feature_flags SET value = 0 WHERE {ROW}",
    "no version": f"UPDATE console_feature_flags SET change_id = NULL WHERE {ROW}",
    "version of nothing": f"UPDATE console_feature_flags SET change_id = '{'a' * 32}' WHERE {ROW}",
    "row gone": f"DELETE FROM console_feature_flags WHERE {ROW}",
    "row of another flag": "INSERT INTO console_feature_flags (flag_key, env, value)"
    " VALUES ('another', 'prod', 1)",
    "moved": f"UPDATE console_feature_flags SET env = 'prod' WHERE {ROW}",
}


@pytest.mark.parametrize("statement", UNACCOUNTED.values(), ids=UNACCOUNTED)
def test_a_flag_changed_with_the_triggers_off_is_found(flipped, statement):
    sql(statement)
    assert list(found()) == ["flag_unaccounted"]


def test_a_flag_put_back_to_an_older_version_is_found(flipped):
    """The value and the change_id both have their audit row: only not the last one."""
    oldest = AuditEntry.objects.filter(target_id=LOW).earliest("id")
    sql(
        f"UPDATE console_feature_flags SET value = 1, change_id = %s WHERE {ROW}",
        oldest.change_id.hex,
    )
    place = found()["flag_unaccounted"][0]
    assert place.audit_id == AuditEntry.objects.latest("id").pk
    assert place.what.startswith(f"{LOW} in staging: its change_id")


# --- triggers ----------------------------------------------------------------


@pytest.mark.parametrize("name", triggers.expected(connection))
def test_a_missing_trigger_is_found(name):
    sealed_rows(1)
    table = next(table for table in triggers.TABLES if name.startswith(table))
    on = f" ON {table}" if connection.vendor == "postgresql" else ""
    connection.check_constraints()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}{on}")
    assert [place.what for place in found()["missing_trigger"]] == [name]


# --- since -------------------------------------------------------------------


@pytest.fixture
def days() -> list:
    """Ten rows, a day between each of them; the last one is of now."""
    now = timezone.now()
    moments = [now - timedelta(days=9 - number) for number in range(10)]
    for moment in moments:
        write(now=moment)
    return moments


def test_since_checks_the_rows_from_then_on(days):
    # And the one before them, to see that it is older.
    assert Verification(since=days[4]).total == 7
    sql("UPDATE console_audit_log SET actor = 'm' WHERE id = %s", links()[2]["audit_id"])
    assert found(since=days[4]) == {}
    assert first(Kind.EDITED) == (3, links()[2]["audit_id"])
    sql("UPDATE console_audit_log SET actor = 'm' WHERE id = %s", links()[7]["audit_id"])
    assert first(Kind.EDITED, since=days[4]) == (8, links()[7]["audit_id"])


def test_since_holds_the_first_link_against_the_one_before_it(days):
    sql("UPDATE console_audit_chain SET row_hash = %s WHERE seq = 3", "e" * 64)
    assert first(Kind.DELETED, since=days[4])[0] == 4


BEHIND = {
    "rows gone": "DELETE FROM console_audit_log WHERE id IN ({window})",
    "rows and links gone": "DELETE FROM console_audit_log WHERE id IN ({window}); "
    "DELETE FROM console_audit_chain WHERE audit_id IN ({window})",
    "dated back": "UPDATE console_audit_log SET created_at = '2001-01-01 00:00:00' "
    "WHERE id IN ({window})",
}


@pytest.mark.parametrize("statements", BEHIND.values(), ids=BEHIND)
@pytest.mark.parametrize("at", [slice(7, 9), slice(8, 9)], ids=["two rows", "one row"])
def test_since_is_not_misled_by_what_damaged_rows_say(days, statements, at):
    window = ", ".join(str(link["audit_id"]) for link in links()[at])
    for statement in statements.format(window=window).split("; "):
        sql(statement)
    assert set(found(since=days[7])) & {"deleted", "edited"}


@pytest.mark.parametrize("what", ["rows gone", "dated back"])
def test_since_is_not_misled_where_all_rows_of_the_time_are_damaged(days, what):
    window = ", ".join(str(link["audit_id"]) for link in links()[7:])
    sql(BEHIND[what].format(window=window))
    assert set(found(since=days[7])) & {"deleted", "edited"}


def test_since_a_time_without_rows_checks_the_last_one_alone(days):
    assert Verification(since=timezone.now() + timedelta(days=1)).total == 1
    assert told("--since", "2999-01-01") == "1 rows checked: no damage found.\n"


def test_a_forged_row_is_found_whatever_since_says(days):
    row = AuditEntry(actor="x", channel="cli", action="x", target_type="x", payload={}, context={})
    row.created_at = days[0]
    row.append()
    assert first(Kind.FORGED_UNSEALED, since=days[8]) == (None, row.pk)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", ""])
def test_a_time_that_is_none_is_refused(text):
    with pytest.raises(CommandError, match="2026-05-04"):
        call_command("audit_verify", "--since", text)


# --- what it says ------------------------------------------------------------


def test_a_sound_log_is_said_to_be_sound():
    sealed_rows(3)
    assert told() == "3 rows checked: no damage found.\n"
    assert json.loads(told("--json")) == {"ok": True, "checked": 3, "damage": [], "notes": []}


def test_all_damage_is_told_at_once_each_kind_with_its_first_row():
    ids = sealed_rows()
    sql("UPDATE console_audit_log SET actor = 'm' WHERE id IN (%s, %s)", ids[1], ids[3])
    sql("DELETE FROM console_audit_log WHERE id = %s", ids[6])
    said = told(code=1)
    assert "EDITED: 2." in said and f"first: link 2, audit row {ids[1]}" in said
    assert "DELETED: 1." in said and f"first: link 7, audit row {ids[6]}" in said
    assert "THE LOG IS DAMAGED" in said
    damage = json.loads(told("--json", code=1))["damage"]
    assert [(one["kind"], one["count"], one["first"]["seq"]) for one in damage] == [
        ("edited", 2, 2),
        ("deleted", 1, 7),
    ]


def test_of_much_damage_all_is_counted_and_the_first_is_shown():
    sealed_rows(SHOWN + 10)
    sql("UPDATE console_audit_log SET actor = 'm'")
    said = told(code=1)
    assert f"EDITED: {SHOWN + 10}." in said
    assert said.count("audit row") == SHOWN


def test_rows_of_triggers_are_sealed_before_the_walk():
    FeatureFlag.objects.create(flag_key="another", env="prod", value=1)
    assert told() == "1 rows checked: no damage found.\n"


def test_a_database_that_fails_is_told_in_words(monkeypatch):
    def away(*args, **kwargs):
        raise DatabaseError("away")

    monkeypatch.setattr(BaseDatabaseWrapper, "cursor", away)
    with pytest.raises(CommandError, match="does not answer"):
        call_command("audit_verify")
