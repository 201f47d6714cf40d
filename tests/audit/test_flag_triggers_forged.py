"""Whose audit row a change may lean on: its own flip's, and no other."""

import uuid

import pytest

from audit.models import AuditEntry
from audit.services import audited
from tests.audit.flag_rows import (
    KEY,
    OPTION_A,
    OTHER,
    TABLE,
    accounts,
    claim,
    raw_row,
    row,
    sql,
    tell,
    told,
    told_nothing,
    turn,
)

pytestmark = pytest.mark.django_db
WHERE = f"WHERE flag_key = '{KEY}' AND env = 'staging'"


def random(ops) -> uuid.UUID:
    return uuid.uuid4()


def older_flip(ops) -> uuid.UUID:
    turn(ops, False)
    change = turn(ops, True)
    turn(ops, False)
    return change


def its_own(ops) -> uuid.UUID:
    return turn(ops, False)


def of_another_flag(ops) -> uuid.UUID:
    return turn(ops, True, OTHER)


def of_the_other_environment(ops) -> uuid.UUID:
    return turn(ops, True, env="prod")


def of_raw_sql_that_waits(ops) -> uuid.UUID:
    sql(OPTION_A)
    change = row().change_id
    sql(f"UPDATE {TABLE} SET value = 0")
    return change


def of_a_removal_that_waits(ops) -> uuid.UUID:
    sql(f"DELETE FROM {TABLE} {WHERE}")
    change = AuditEntry.objects.latest("id").change_id
    raw_row(KEY, 0)
    return change


def of_another_flags_raw_sql(ops) -> uuid.UUID:
    return raw_row(OTHER, 1).change_id


FORGED = [
    *(random, older_flip, its_own, of_another_flag, of_the_other_environment),
    *(of_raw_sql_that_waits, of_a_removal_that_waits, of_another_flags_raw_sql),
]


@pytest.mark.parametrize("forged", FORGED)
def test_a_change_under_another_ones_version_has_its_own_audit_row(ops, forged):
    raw_row(KEY, 0)
    change = forged(ops)
    with told() as entries:
        claim(change)
    [entry] = entries
    assert accounts(entry, False, True)
    assert entry.change_id != change


@pytest.mark.parametrize("forged", FORGED)
def test_so_has_a_new_row_under_another_ones_version(ops, forged):
    raw_row(KEY, 0)
    change = forged(ops)
    sql(f"DELETE FROM {TABLE} {WHERE}")
    with told() as entries:
        sql(
            f"INSERT INTO {TABLE} (flag_key, env, value, change_id, updated_by_id) "
            f"VALUES ('{KEY}', 'staging', 1, '{change.hex}', {ops.pk})"
        )
    [entry] = entries
    assert accounts(entry, None, True)
    assert entry.change_id != change


@pytest.mark.parametrize("forged", FORGED)
def test_without_a_change_another_ones_version_is_not_taken(ops, forged):
    raw_row(KEY, 0)
    change = forged(ops)
    with told_nothing():
        sql(f"UPDATE {TABLE} SET change_id = '{change.hex}', updated_by_id = {ops.pk} {WHERE}")


TELLS_ANOTHER = {
    "value": {"says": {"from": False, "to": False}},
    "value, as a number": {"says": {"from": 1, "to": 0}},
    "nothing of the value": {"says": {"note": True}},
    "environment": {"env": "prod"},
    "flag": {"key": OTHER},
    "kind of thing": {"about": "operator"},
    "act": {"action": "console.flag.approved"},
    "value, reconciled": {"action": "console.flag.reconciled", "says": {"value": False}},
}


@pytest.mark.parametrize("fields", TELLS_ANOTHER.values(), ids=TELLS_ANOTHER)
def test_an_audit_row_that_tells_of_something_else_does_not_account_for_a_change(declared, fields):
    raw_row(KEY, 0)
    with audited():
        change = tell(**fields)
        with told() as entries:
            claim(change)
    assert accounts(entries[0], False, True)


def test_an_audit_row_accounts_for_one_change_and_not_for_the_next(declared):
    raw_row(KEY, 0)
    with told() as entries, audited():
        change = tell()
        claim(change, 1)
        assert row().change_id == change
        claim(None, 0)
        claim(change, 1)
        claim(change, 0)
        claim(change, 1)
    assert [entry.channel for entry in entries] == ["system", "sql", "sql", "sql", "sql"]
    assert accounts(entries[-1], False, True)
