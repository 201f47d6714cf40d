"""Each class of damage, made by hand with the triggers off, is found and named."""

import json

import pytest
from django.db import connection

from audit.chain import START
from audit.damage import Kind
from audit.models import AuditEntry
from tests.audit.damaging import (
    ROWS,
    first,
    forge_row,
    found,
    hash_without_key,
    key_id,
    links,
    renumbered,
    rewrite_chain,
    sealed_rows,
    sql,
)
from tests.audit.test_record import write

pytestmark = pytest.mark.django_db


@pytest.fixture
def ids() -> list[int]:
    return sealed_rows()


def test_a_log_that_nobody_touched_has_no_damage(ids):
    assert found() == {}
    assert [link["seq"] for link in links()] == list(range(1, ROWS + 1))
    assert [link["audit_id"] for link in links()] == ids


def test_an_empty_log_has_no_damage():
    assert found() == {}


EDITS = {
    "created_at": "2020-01-01 00:00:00+00:00",
    "admin_id": None,
    "actor": "mallory",
    "channel": "system",
    "action": "console.flag.flip",
    "target_type": "operator",
    "target_id": "another",
    "payload": '{"thing": 77}',
    "context": '{"reason": "it was always so"}',
    "change_id": "a" * 32,
}


@pytest.mark.parametrize("at", [0, 4, ROWS - 1])
@pytest.mark.parametrize("column", EDITS)
def test_an_edited_column_is_found(ids, superadmin, column, at):
    value = superadmin.pk if column == "admin_id" else EDITS[column]
    sql(f"UPDATE console_audit_log SET {column} = %s WHERE id = %s", value, ids[at])
    assert first(Kind.EDITED) == (at + 1, ids[at])


@pytest.mark.parametrize("value", ["1", '"1"', "1.0", "true", "null", "[1]", '{"a": 1}'])
def test_an_edit_of_a_values_type_alone_is_found(ids, value):
    if value == "1":
        value = '"on"'
    sql("UPDATE console_audit_log SET payload = %s WHERE id = %s", f'{{"thing": {value}}}', ids[3])
    assert found()["edited"][0].audit_id == ids[3]


def test_a_key_that_stands_twice_is_an_edit(ids):
    """On SQLite the first of two equal keys counts, for Python the last one."""
    text = '{"thing": 99, "thing": 4}'
    sql("UPDATE console_audit_log SET payload = %s WHERE id = %s", text, ids[4])
    # PostgreSQL's jsonb keeps the last one, which is what was written.
    expected = [] if connection.vendor == "postgresql" else ["edited"]
    assert list(found()) == expected


def test_every_edit_is_counted_and_named(ids):
    for at in (1, 2, 6):
        sql("UPDATE console_audit_log SET actor = 'm' WHERE id = %s", ids[at])
    assert [place.seq for place in found()["edited"]] == [2, 3, 7]


@pytest.mark.parametrize("at", [0, 4, ROWS - 1])
def test_a_deleted_row_is_found(ids, at):
    sql("DELETE FROM console_audit_log WHERE id = %s", ids[at])
    assert first(Kind.DELETED) == (at + 1, ids[at])


@pytest.mark.parametrize("at", [0, 4])
def test_a_row_deleted_together_with_its_link_is_found(ids, at):
    sql("DELETE FROM console_audit_log WHERE id = %s", ids[at])
    sql("DELETE FROM console_audit_chain WHERE audit_id = %s", ids[at])
    places = found()
    assert places["deleted"][0].seq == at + 1


def test_numbers_that_were_closed_up_after_a_deletion_do_not_hide_it(ids):
    sql("DELETE FROM console_audit_log WHERE id = %s", ids[4])
    rewrite_chain(renumbered(links()[:4] + links()[5:]))
    assert first(Kind.DELETED) == (5, ids[5])


def test_links_that_were_tied_together_over_a_gap_are_found(ids):
    """What a verifier takes that looks at neighbours' hashes and at the last link alone."""
    sql("DELETE FROM console_audit_log WHERE id = %s", ids[4])
    kept = links()[:4] + links()[5:]
    kept[4]["prev_hash"] = kept[3]["row_hash"]
    rewrite_chain(renumbered(kept))
    assert found()["edited"][0].audit_id == ids[5]


@pytest.mark.parametrize("relinked", [False, True])
def test_a_row_that_was_put_in_with_a_made_up_link_is_found(ids, relinked):
    forged = forge_row()
    before, after = links()[:4], links()[4:]
    made_up = hash_without_key(before[-1]["row_hash"], forged)
    link = {
        "audit_id": forged,
        "prev_hash": before[-1]["row_hash"],
        "row_hash": made_up,
        "key_id": key_id(),
    }
    if relinked:
        after[0]["prev_hash"] = made_up
    else:
        link["prev_hash"] = "f" * 64
    rewrite_chain(renumbered([*before, link, *after]))
    places = found()
    assert ("inserted" in places) and places["inserted"][0].audit_id == forged
    assert set(places) <= {"inserted", "edited", "flag_unaccounted"}


def test_a_row_that_was_appended_with_a_made_up_link_is_found(ids):
    forged = forge_row()
    last = links()[-1]
    link = {
        "seq": last["seq"] + 1,
        "audit_id": forged,
        "prev_hash": last["row_hash"],
        "row_hash": hash_without_key(last["row_hash"], forged),
        "key_id": key_id(),
    }
    rewrite_chain([*links(), link])
    place = found()["edited"][0]
    assert (place.seq, place.audit_id) == (ROWS + 1, forged)
    assert "added with a made-up link" in place.what


def test_a_chain_forged_from_the_start_is_not_taken(ids):
    """Every neighbour fits, and every hash is of its row: only the key is not ours."""
    prev, forged = START, []
    for link in links():
        row_hash = hash_without_key(prev, link["audit_id"])
        forged.append({**link, "prev_hash": prev, "row_hash": row_hash})
        prev = row_hash
    rewrite_chain(forged)
    assert len(found()["edited"]) == ROWS


def test_a_chain_whose_middle_alone_is_forged_is_not_taken(ids):
    changed = links()
    for at in (3, 4, 5):
        changed[at]["prev_hash"] = changed[at - 1]["row_hash"]
        changed[at]["row_hash"] = hash_without_key(changed[at]["prev_hash"], ids[at])
    changed[6]["prev_hash"] = changed[5]["row_hash"]
    rewrite_chain(changed)
    assert {place.seq for places in found().values() for place in places} >= {4, 5, 6}


def test_links_in_another_order_are_found(ids):
    changed = links()
    changed[3]["seq"], changed[4]["seq"] = changed[4]["seq"], changed[3]["seq"]
    rewrite_chain(sorted(changed, key=lambda link: link["seq"]))
    assert first(Kind.REORDERED) == (4, ids[4])


def test_rows_that_changed_places_are_found(ids):
    sql("UPDATE console_audit_log SET id = -1 WHERE id = %s", ids[3])
    sql("UPDATE console_audit_log SET id = %s WHERE id = %s", ids[3], ids[5])
    sql("UPDATE console_audit_log SET id = %s WHERE id = -1", ids[5])
    assert [place.seq for place in found()["edited"]] == [4, 6]


def test_numbers_with_a_hole_and_nothing_missing_are_found(ids):
    changed = links()
    for link in changed[5:]:
        link["seq"] += 10
    rewrite_chain(changed)
    assert first(Kind.REORDERED) == (16, ids[5])


def test_a_forged_row_without_a_link_is_found_though_the_triggers_were_on(ids):
    forged = forge_row(target_type="thing", action="console.thing.done")
    assert first(Kind.FORGED_UNSEALED) == (None, forged)


def test_a_forged_row_does_not_get_a_link_from_the_next_sealer(ids):
    forged = forge_row(target_type="thing", action="console.thing.done")
    write()
    assert first(Kind.FORGED_UNSEALED) == (None, forged)


def test_rows_whose_links_were_cut_off_are_found(ids):
    sql("DELETE FROM console_audit_chain WHERE seq > 6")
    assert [place.audit_id for place in found()["forged_unsealed"]] == ids[6:]


def test_a_link_of_an_unknown_key_is_found(ids):
    sql("UPDATE console_audit_chain SET key_id = 'nobodys' WHERE seq = 5")
    assert first(Kind.UNKNOWN_KEY) == (5, ids[4])


@pytest.mark.parametrize("column", ["prev_hash", "row_hash"])
@pytest.mark.parametrize("seq", [1, 5, ROWS])
def test_an_edited_link_is_found(ids, column, seq):
    sql(f"UPDATE console_audit_chain SET {column} = %s WHERE seq = %s", "e" * 64, seq)
    assert found()["edited"][0].seq in (seq, seq + 1)


def test_the_payload_is_the_same_whatever_its_blanks_and_the_order_of_its_keys():
    pk = write(payload={"b": 1, "a": [True, None, "ü", 1.5]}).pk
    text = json.dumps(AuditEntry.objects.get(pk=pk).payload, sort_keys=True, indent=3)
    sql("UPDATE console_audit_log SET payload = %s WHERE id = %s", text, pk)
    assert found() == {}
