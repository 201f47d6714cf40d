"""`reconcile()` beside other changes: what was not seen is not answered for, one of all wins."""

import threading

import pytest
from django.db import DatabaseError, connection

from audit.models import AuditEntry
from flags import reconcile as reconciling
from flags.models import FeatureFlag
from flags.refusals import StateMoved
from tests.flags.outside import last_change, raw_delete, raw_insert, raw_update, without_triggers
from tests.flags.test_reconcile import answer
from tests.pages import nothing_written

pytestmark = pytest.mark.usefixtures("declared")


@pytest.mark.parametrize("again", [lambda: raw_update(0), raw_delete], ids=["update", "delete"])
def test_what_was_changed_again_since_it_was_seen_is_refused_with_the_fresh_state(ops, again):
    raw_insert()
    seen = last_change().seen
    again()
    with nothing_written(), pytest.raises(StateMoved) as refused:
        answer(ops, seen=seen)
    assert bool(refused.value.state.row) is FeatureFlag.objects.exists()


def test_who_comes_second_is_told_by_whom_it_was_done(ops, superadmin):
    raw_insert()
    seen = last_change().seen
    assert answer(ops, seen=seen).done
    with nothing_written():
        second = answer(superadmin, seen=seen)
    assert (second.done, second.now.change.who) == (False, "bob")


def test_a_lost_swap_takes_its_audit_row_with_it(ops, monkeypatch):
    raw_insert()
    record, seen = reconciling.record, last_change().seen

    def late(*args, **kwargs):
        entry = record(*args, **kwargs)
        without_triggers(lambda: FeatureFlag.objects.update(value=0))
        return entry

    monkeypatch.setattr(reconciling, "record", late)
    with pytest.raises(StateMoved):
        answer(ops, seen=seen)
    assert not AuditEntry.objects.filter(action="console.flag.reconciled").exists()


def test_a_log_that_fails_leaves_the_row_as_it_was(ops, monkeypatch):
    raw_insert()

    def fail(*args, **kwargs):
        raise DatabaseError("no")

    monkeypatch.setattr(reconciling, "record", fail)
    with nothing_written(), pytest.raises(DatabaseError):
        answer(ops)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("removed", [False, True], ids=["row", "removed row"])
def test_of_all_who_reconcile_at_once_one_does_it(ops, removed):
    raw_insert()
    if removed:
        raw_delete()
    seen, results = last_change().seen, []
    start = threading.Barrier(6)

    def one() -> None:
        start.wait()
        try:
            results.append(answer(ops, seen=seen).done)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 5 + [True]
    assert AuditEntry.objects.filter(action="console.flag.reconciled").count() == 1
