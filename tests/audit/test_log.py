"""The log and its chain through the ORM: rows are added by their one writer, and that is all."""

import uuid
from dataclasses import dataclass

import pytest
from django.db import DatabaseError, models, transaction
from django.utils import timezone

from audit.models import AppendOnly, AuditEntry, AuditLink
from tests.audit.attacks import kept
from tests.audit.test_record import write

pytestmark = pytest.mark.django_db


@dataclass
class Row:
    """A row that is there, one that would take its place, and the column that is forged."""

    there: models.Model
    column: str
    rival: dict

    @property
    def model(self) -> type[models.Model]:
        return type(self.there)

    def forged(self) -> models.Model:
        setattr(self.there, self.column, "forged")
        return self.there

    def other(self, **given) -> models.Model:
        return self.model(**{**self.rival, **given})


@pytest.fixture(params=[AuditEntry, AuditLink], ids=["log", "chain"])
def row(request) -> Row:
    """At the end all rows must be there, as they were."""
    write(change_id=uuid.uuid4())
    before = kept()
    rival = (
        {"payload": {}, "created_at": timezone.now(), "target_id": "x"}
        if request.param is AuditEntry
        else {"seq": 99, "audit_id": 99, "prev_hash": "x", "row_hash": "x", "key_id": "x"}
    )
    column = "actor" if request.param is AuditEntry else "row_hash"
    yield Row(request.param.objects.get(), column, rival)
    assert kept() == before


BY_THE_ORM = {
    "save": lambda row: row.forged().save(),
    "save of one field": lambda row: row.forged().save(update_fields=[row.column]),
    "delete": lambda row: row.there.delete(),
    "update of all": lambda row: row.model.objects.update(**{row.column: "x"}),
    "update of some": lambda row: row.model.objects.filter(pk=row.there.pk).update(
        **{row.column: "x"}
    ),
    "delete of all": lambda row: row.model.objects.all().delete(),
    "delete of some": lambda row: row.model.objects.filter(pk=row.there.pk).delete(),
    "bulk_update": lambda row: row.model.objects.bulk_update([row.forged()], [row.column]),
    "update_or_create": lambda row: row.model.objects.update_or_create(
        pk=row.there.pk, defaults={row.column: "x"}
    ),
    "get_or_create": lambda row: row.model.objects.get_or_create(**row.rival),
    "a new row": lambda row: row.model.objects.create(**row.rival),
    "a new row, saved": lambda row: row.other().save(),
    "many new rows": lambda row: row.model.objects.bulk_create([row.other()]),
}


@pytest.mark.parametrize("act", BY_THE_ORM.values(), ids=BY_THE_ORM)
def test_the_orm_refuses_to_change_remove_or_add_a_row(row, act):
    refused = pytest.raises(AppendOnly, match="never changed and never deleted")
    with refused, transaction.atomic():
        act(row)


AROUND_THE_ORM = {
    "another manager": lambda row: row.model._base_manager.update(**{row.column: "x"}),
    "another manager's delete": lambda row: row.model._base_manager.all().delete(),
    "another manager's bulk_update": lambda row: row.model._base_manager.bulk_update(
        [row.forged()], [row.column]
    ),
    "raw delete": lambda row: row.model.objects.all()._raw_delete("default"),
    "base save": lambda row: row.forged().save_base(force_update=True),
    "a fixture's save": lambda row: row.forged().save_base(raw=True),
    "same key": lambda row: row.other(pk=row.there.pk).save_base(),
}


@pytest.mark.parametrize("act", AROUND_THE_ORM.values(), ids=AROUND_THE_ORM)
def test_what_walks_around_the_orms_refusal_meets_the_triggers(row, act):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        act(row)


UNIQUE = {AuditEntry: ("id", "change_id"), AuditLink: ("seq", "audit_id", "prev_hash")}


@pytest.mark.parametrize("nth", [0, 1, -1])
def test_so_does_an_upsert_on_whatever_makes_a_row_unique(row, nth):
    name = UNIQUE[row.model][nth]
    rival = row.other(**{name: getattr(row.there, name)})
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        row.model._base_manager.bulk_create(
            [rival], update_conflicts=True, unique_fields=[name], update_fields=[row.column]
        )


def test_a_new_row_is_welcome(row):
    with transaction.atomic():
        second = write(change_id=uuid.uuid4())
        assert (AuditEntry.objects.count(), AuditLink.objects.count()) == (2, 2)
        assert AuditLink.objects.latest("seq").audit_id == second.pk
        transaction.set_rollback(True)


def test_rows_without_a_change_do_not_shut_each_other_out():
    assert write().pk != write().pk
