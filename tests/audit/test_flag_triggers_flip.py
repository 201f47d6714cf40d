"""What the console does itself keeps its own audit row, and gets no second one."""

from contextlib import contextmanager

import pytest
from django.db import transaction

from audit.models import AuditLink
from audit.services import audited
from flags.models import FeatureFlag
from tests.audit.flag_rows import (
    KEY,
    TABLE,
    accounts,
    again,
    claim,
    raw_row,
    row,
    sql,
    tell,
    told,
    turn,
)

pytestmark = pytest.mark.django_db


@contextmanager
def nothing_around():
    yield


@pytest.mark.parametrize("around", [nothing_around, transaction.atomic, audited])
def test_a_flip_leaves_its_own_audit_row_alone(ops, around):
    for value in (True, False, True):
        with told() as entries, around():
            change = turn(ops, value)
        [entry] = entries
        assert (entry.channel, entry.admin, entry.change_id) == ("console", ops, change)
        now = row()
        assert (now.value, now.change_id, now.updated_by) == (int(value), change, ops)
    assert AuditLink.objects.count() == 3


def test_a_reconciliation_leaves_its_own_audit_row_alone(ops):
    sql_change = raw_row(KEY, 1).change_id
    with told() as entries, audited():
        change = tell(action="console.flag.reconciled", says={"value": True})
        swap = FeatureFlag.objects.filter(flag_key=KEY, change_id=sql_change)
        assert swap.update(change_id=change, updated_by=ops) == 1
    assert [entry.action for entry in entries] == ["console.flag.reconciled"]
    now = row()
    assert (now.value, now.change_id, now.updated_by) == (1, change, ops)
    with told() as entries:
        sql(f"UPDATE {TABLE} SET value = 0")
    assert accounts(entries[0], True, False)


def test_after_it_a_row_that_is_replaced_still_tells_what_it_was(declared):
    raw_row(KEY, 0)
    with audited():
        change = tell(action="console.flag.reconciled", says={"value": False})
        claim(change, 0)
    with told() as entries:
        again(KEY, 1)
    [entry] = entries
    assert accounts(entry, False, True)
