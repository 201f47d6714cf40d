"""The log through the ORM: rows are added, and that is all."""

import uuid

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from audit.models import AppendOnly, AuditEntry
from tests.audit.test_record import write

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry() -> AuditEntry:
    return AuditEntry.objects.get(pk=write(change_id=uuid.uuid4()).pk)


@pytest.fixture
def untouched(entry):
    """At the end the row must be there, as it was."""
    before = AuditEntry.objects.values().get()
    yield entry
    assert AuditEntry.objects.values().get() == before


def _forget(entry: AuditEntry) -> AuditEntry:
    entry.payload = {"thing": "another"}
    return entry


BY_THE_ORM = {
    "save": lambda entry: _forget(entry).save(),
    "save of one field": lambda entry: _forget(entry).save(update_fields=["payload"]),
    "delete": lambda entry: entry.delete(),
    "update of all": lambda entry: AuditEntry.objects.update(actor="x"),
    "update of some": lambda entry: AuditEntry.objects.filter(pk=entry.pk).update(actor="x"),
    "delete of all": lambda entry: AuditEntry.objects.all().delete(),
    "delete of some": lambda entry: AuditEntry.objects.filter(pk=entry.pk).delete(),
    "bulk_update": lambda entry: AuditEntry.objects.bulk_update([_forget(entry)], ["payload"]),
    "update_or_create": lambda entry: AuditEntry.objects.update_or_create(
        pk=entry.pk, defaults={"actor": "x"}
    ),
    "a new row": lambda entry: AuditEntry.objects.create(payload={}, target_id="x"),
    "many new rows": lambda entry: AuditEntry.objects.bulk_create([AuditEntry(payload={})]),
}


@pytest.mark.parametrize("act", BY_THE_ORM.values(), ids=BY_THE_ORM)
def test_the_orm_refuses_to_change_or_remove_a_row(untouched, act):
    with (
        pytest.raises(AppendOnly, match="never changed and never deleted"),
        transaction.atomic(),
    ):
        act(untouched)


AROUND_THE_ORM = {
    "another manager": lambda entry: AuditEntry._base_manager.update(actor="x"),
    "raw delete": lambda entry: AuditEntry.objects.all()._raw_delete("default"),
    "base save": lambda entry: _forget(entry).save_base(force_update=True),
    "same id": lambda entry: AuditEntry(
        id=entry.pk, created_at=timezone.now(), payload={}, target_id="x"
    ).save_base(),
    "upsert on id": lambda entry: AuditEntry._base_manager.bulk_create(
        [_forget(entry)],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["payload"],
    ),
    "upsert on change_id": lambda entry: AuditEntry._base_manager.bulk_create(
        [AuditEntry(payload={}, created_at=timezone.now(), change_id=entry.change_id)],
        update_conflicts=True,
        unique_fields=["change_id"],
        update_fields=["payload"],
    ),
}


@pytest.mark.parametrize("act", AROUND_THE_ORM.values(), ids=AROUND_THE_ORM)
def test_what_walks_around_the_orms_refusal_meets_the_triggers(untouched, act):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        act(untouched)


def test_a_new_row_is_welcome(untouched):
    with transaction.atomic():
        second = write(change_id=uuid.uuid4())
        assert AuditEntry.objects.count() == 2
        assert second.pk > untouched.pk
        transaction.set_rollback(True)


def test_rows_without_a_change_do_not_shut_each_other_out():
    assert write().pk != write().pk
