"""Sealing: which rows get links, when, in which order, with which key."""

import json
import uuid

import pytest
from django.db import connection, transaction

from audit import chain, keys, sealing
from audit.canonical import Unreadable, canonical
from audit.models import AuditEntry, AuditLink
from audit.services import audited
from tests.audit.damaging import found, links, sealed_rows
from tests.audit.test_record import write

pytestmark = pytest.mark.django_db
INSERT = "INSERT INTO console_feature_flags (flag_key, env, value) VALUES (%s, 'staging', 1)"


def raw_changes(count: int, start: int = 0) -> None:
    with connection.cursor() as cursor:
        for number in range(start, start + count):
            cursor.execute(INSERT, [f"flag_{number}"])


def sealed_ids() -> list[int]:
    return [link["audit_id"] for link in links()]


def unsealed() -> int:
    return AuditEntry.objects.exclude(pk__in=sealed_ids()).count()


def test_a_row_is_sealed_by_the_end_of_its_own_transaction():
    with audited():
        pk = write().pk
        assert links() == []
    assert sealed_ids() == [pk]


def test_the_rows_of_one_transaction_are_sealed_in_their_order_by_the_outermost():
    with audited():
        first = write().pk
        with audited():
            second = write().pk
        assert links() == []
    assert sealed_ids() == [first, second]


def test_a_savepoint_that_is_rolled_back_takes_its_row_out_of_the_chain():
    with audited():
        with pytest.raises(ZeroDivisionError), audited():
            write()
            raise ZeroDivisionError
        kept = write().pk
    assert sealed_ids() == [kept]
    assert found() == {}


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_is_rolled_back_leaves_no_link_and_no_hole():
    write()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), audited():
            write()
            raise ZeroDivisionError
        with audited():
            write()
            transaction.set_rollback(True)
    write()
    assert [link["seq"] for link in links()] == [1, 2]
    assert found() == {}


def test_an_audited_block_without_a_row_seals_nothing():
    with audited():
        pass
    assert links() == []


@pytest.mark.parametrize("count", [1, 16, 17, 100])
def test_rows_that_triggers_wrote_wait_for_the_next_sealer(count):
    raw_changes(count)
    assert (links(), unsealed()) == ([], count)
    pk = write().pk
    assert unsealed() == 0
    assert sealed_ids()[-1] == pk
    assert sealed_ids() == sorted(sealed_ids())


def test_rows_that_wait_longer_than_the_latest_are_sealed_by_tick_and_by_verification():
    raw_changes(1)
    late = AuditEntry.objects.get()
    with transaction.atomic():
        raw_changes(40, start=1)
        sealing._seal_some(f"id <> {late.pk}", 0)
    write()
    assert unsealed() == 1
    assert sealing.seal_waiting().count == 1
    assert (unsealed(), found()) == (0, {})


def test_sealing_what_waits_may_be_repeated():
    raw_changes(3)
    assert [sealing.seal_waiting().count for _ in range(3)] == [3, 0, 0]


def test_the_first_link_names_the_start_and_each_other_one_the_link_before():
    sealed_rows(4)
    hashes = [chain.START, *(link["row_hash"] for link in links())]
    assert [link["prev_hash"] for link in links()] == hashes[:-1]
    assert chain.head() == chain.Head(4, hashes[-1])


def test_a_link_is_the_hmac_of_the_hash_before_and_the_canonical_row():
    """Made here with nothing but the standard library, from what the database has."""
    import hashlib
    import hmac

    change = uuid.uuid4()
    entry = write(change_id=change, context={"reason": "ü", "n": 1})
    entry = AuditEntry.objects.get(pk=entry.pk)
    row = [
        *(entry.pk, entry.created_at.isoformat(timespec="microseconds"), None, entry.actor),
        *("cli", "console.thing.done", "thing", "t1", entry.payload, entry.context, change.hex),
    ]
    text = json.dumps(row, sort_keys=True, separators=(",", ":"))
    signed = ("0" * 64 + text).encode()
    link = AuditLink.objects.get()
    assert link.row_hash == hmac.new(b"only-for-tests", signed, hashlib.sha256).hexdigest()


def test_after_a_rotation_old_links_are_verified_with_the_old_key(settings):
    sealed_rows(2)
    settings.AUDIT_OLD_SIGNING_KEYS = [settings.AUDIT_SIGNING_KEY]
    settings.AUDIT_SIGNING_KEY = "the next one"
    sealed_rows(2)
    assert len({link["key_id"] for link in links()}) == 2
    assert found() == {}
    settings.AUDIT_OLD_SIGNING_KEYS = []
    assert [place.seq for place in found()["unknown_key"]] == [1, 2]


def test_the_id_of_a_key_tells_nothing_of_it():
    key_id, key = keys.signing_key()
    assert len(key_id) == 16
    assert key.hex() not in key_id and key_id != key.hex()[:16]


def test_a_checkpoint_follows_the_rows_that_triggers_wrote_too():
    raw_changes(2)
    assert sealing.seal_waiting().head.size == 2


@pytest.mark.parametrize("value", ["no time", "2026-13-01 00:00:00", 7, None])
def test_a_time_that_is_none_cannot_be_signed(value):
    row = [1, value, None, "a", "cli", "x", "x", "x", "{}", "{}", None]
    with pytest.raises(Unreadable):
        canonical(row)


def test_a_time_is_signed_as_the_same_whatever_its_zone_and_grain():
    def of(moment):
        return canonical([1, moment, None, "a", "cli", "x", "x", "x", "{}", "{}", None])

    from datetime import UTC, datetime, timedelta, timezone

    there = datetime(2026, 5, 4, 5, 0, tzinfo=timezone(timedelta(hours=2)))
    same = [
        datetime(2026, 5, 4, 3, 0, tzinfo=UTC),
        there,
        there.astimezone(UTC).replace(tzinfo=None),
    ]
    texts = ["2026-05-04 03:00:00", "2026-05-04 03:00:00.000", "2026-05-04T03:00:00+00:00"]
    assert len({of(moment) for moment in same + texts}) == 1
