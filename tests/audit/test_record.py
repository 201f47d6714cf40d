"""`record()`: the only writer of the log, inside the change's own transaction."""

import uuid
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.actor import Actor, Channel
from audit.models import AuditEntry
from audit.services import NotInTransaction, audited, record
from tests.conftest import console_actor

SHELL = Actor(Channel.CLI, "root (shell)", context={"os_user": "root", "host": "box"})


def write(actor: Actor = SHELL, **fields) -> AuditEntry:
    about = {"target_type": "thing", "target_id": "t1", "payload": {"thing": "t1"}} | fields
    with audited():
        return record(actor, "console.thing.done", **about)


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_recorded():
    about = {"target_type": "thing", "target_id": "t1", "payload": {}}
    with pytest.raises(NotInTransaction, match=r"console\.thing\.done"):
        record(SHELL, "console.thing.done", **about)
    with pytest.raises(NotInTransaction), transaction.atomic():
        record(SHELL, "console.thing.done", **about)
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_row_dies_with_its_transaction_and_lives_with_it():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        write()
        raise ZeroDivisionError
    assert not AuditEntry.objects.exists()
    with transaction.atomic():
        write()
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db
def test_a_row_keeps_who_did_what_to_which(ops):
    change = uuid.uuid4()
    moment = datetime(2026, 5, 4, 3, 0, tzinfo=UTC)
    pk = write(console_actor(ops), change_id=change, now=moment).pk
    row = AuditEntry.objects.get(pk=pk)
    assert (row.admin, row.actor, row.channel) == (ops, "bob", "console")
    assert (row.action, row.target_type, row.target_id) == ("console.thing.done", "thing", "t1")
    assert (row.payload, row.change_id, row.created_at) == ({"thing": "t1"}, change, moment)


@pytest.mark.django_db
def test_a_row_of_the_shell_has_no_operator_and_no_change_unless_given():
    row = AuditEntry.objects.get(pk=write().pk)
    assert (row.admin, row.actor, row.channel) == (None, "root (shell)", "cli")
    assert row.change_id is None
    assert abs((timezone.now() - row.created_at).total_seconds()) < 10


@pytest.mark.django_db
def test_the_name_of_an_actor_is_copied_and_stays_when_the_operator_is_renamed(ops):
    pk = write(console_actor(ops)).pk
    ops.username = "robert"
    ops.save()
    assert AuditEntry.objects.get(pk=pk).actor == "bob"


@pytest.mark.django_db
def test_the_context_is_the_actors_and_the_acts_with_blanks_left_out():
    row = write(context={"reason": "launch", "incident": "", "address": None, "count": 0})
    assert AuditEntry.objects.get(pk=row.pk).context == {
        "os_user": "root",
        "host": "box",
        "reason": "launch",
        "count": 0,
    }


@pytest.mark.django_db
def test_the_acts_own_context_wins_over_the_actors():
    assert write(context={"host": "other"}).context["host"] == "other"
    assert SHELL.context["host"] == "box"


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["schön 日本 🎉", "<script>", "a'b\"c\\", "x" * 10_000])
def test_a_reason_is_kept_as_it_was_given(text):
    pk = write(context={"reason": text}).pk
    assert AuditEntry.objects.get(pk=pk).context["reason"] == text


@pytest.mark.django_db
def test_one_change_has_one_row():
    change = uuid.uuid4()
    write(change_id=change)
    with pytest.raises(Exception) as refused, transaction.atomic():
        write(change_id=change)
    assert isinstance(refused.value, IntegrityError)
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db
def test_an_operator_who_is_in_the_log_cannot_be_deleted(ops):
    from django.db.models import ProtectedError

    write(console_actor(ops))
    with pytest.raises(ProtectedError):
        ops.delete()
