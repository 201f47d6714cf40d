"""What a verifier that trusts too much would pass: odd rows, retired keys, strangers' triggers."""

import pytest
from django.db import connection, transaction

from audit import chain, checkpoints
from audit.models import AuditEntry
from flags.services import Outcome
from tests.audit.damaging import forge_row, found, links, sealed_rows, sql
from tests.audit.test_export import damage_of, export, saved
from tests.audit.test_record import write
from tests.conftest import console_actor
from tests.flags.test_flip import flip, seen

pytestmark = pytest.mark.django_db
saved = saved
KEY = "console_billing"


# --- rows with the channel of triggers that no trigger wrote -----------------


@pytest.mark.parametrize("payload", [{}, [], "text", {"flag": KEY}, {"env": ["prod"]}])
def test_a_forged_row_of_any_shape_stops_nobody(ops, payload):
    forge_row(channel="sql", target_id="another", payload=payload)
    assert flip(KEY, "staging", True, actor=console_actor(ops), seen=seen()).outcome is (
        Outcome.FLIPPED
    )
    write()
    assert set(found()) <= {"flag_unaccounted"}


if connection.vendor == "sqlite":
    # PostgreSQL takes no such thing for a time.
    @pytest.mark.parametrize("moment", ["yesterday", "2026-13-45 00:00:00", ""])
    def test_a_forged_row_that_cannot_be_read_is_told_and_stops_nobody(moment):
        forge_row(channel="sql", action="x", target_type="x")
        pk = AuditEntry.objects.latest("id").pk
        sql("UPDATE console_audit_log SET created_at = %s WHERE id = %s", moment, pk)
        write()
        [place] = found()["forged_unsealed"]
        assert (place.audit_id, links()[-1]["audit_id"]) == (pk, pk + 1)

    @pytest.mark.parametrize(
        "moment", ["2026-W47-4 11:41:29", "20260504T030000", "2026-05-04 17:00:00+14:00"]
    )
    def test_a_time_that_is_written_otherwise_is_an_edit(moment):
        pk = write().pk
        sql("UPDATE console_audit_log SET created_at = %s WHERE id = %s", moment, pk)
        assert found()["edited"][0].audit_id == pk


@pytest.mark.parametrize("odd", ["-infinity", "infinity", "0044-03-15 BC"])
def test_a_time_out_of_all_measure_stops_no_sealer(odd):
    if connection.vendor == "sqlite":
        odd = odd.replace(" BC", "")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO console_audit_log (created_at, actor, channel, action, target_type,"
            " target_id, payload, context) VALUES (%s, 'x', 'sql', 'x', 'x', 'x', '{}', '{}')",
            [odd],
        )
    pk = write().pk
    assert links()[-1]["audit_id"] == pk
    assert set(found()) <= {"forged_unsealed"}


# --- keys --------------------------------------------------------------------


@pytest.fixture
def rotated(settings):
    """Rows of an old key, then rows of the present one, then a checkpoint."""
    old = settings.AUDIT_SIGNING_KEY
    sealed_rows(3)
    settings.AUDIT_OLD_SIGNING_KEYS = [old]
    settings.AUDIT_SIGNING_KEY = "the present one"
    sealed_rows(3)
    return old, checkpoints.make(chain.head())


def test_what_an_old_key_signs_after_a_checkpoint_of_the_present_one_is_not_believed(
    rotated, settings
):
    old, checkpoint = rotated
    present, settings.AUDIT_SIGNING_KEY = settings.AUDIT_SIGNING_KEY, old
    sealed_rows(2)
    settings.AUDIT_SIGNING_KEY = present
    assert [place.seq for place in found(checkpoints=[checkpoint])["unknown_key"]] == [7, 8]


def test_while_two_consoles_are_deployed_both_keys_sign(rotated, settings):
    old, _ = rotated
    present, settings.AUDIT_SIGNING_KEY = settings.AUDIT_SIGNING_KEY, old
    early = checkpoints.make(chain.head())
    sealed_rows(2)
    settings.AUDIT_SIGNING_KEY = present
    assert found(checkpoints=[early]) == {}


# --- triggers and rules that are not ours ------------------------------------

STRANGER = {
    "sqlite": "CREATE TRIGGER stranger BEFORE INSERT ON console_audit_log"
    " WHEN NEW.channel = 'sql' BEGIN SELECT RAISE(IGNORE); END",
    "postgresql": "CREATE RULE stranger AS ON INSERT TO console_audit_log"
    " WHERE NEW.channel = 'sql' DO INSTEAD NOTHING",
}[connection.vendor]


def test_a_strangers_trigger_or_rule_is_told():
    sealed_rows(1)
    connection.check_constraints()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(STRANGER)
    assert [place.what for place in found()["foreign_trigger"]] == ["stranger"]


# --- exports -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"audit_id": ', '"audit_id": 9'),
        ('"actor": ', '"note": "approved", "actor": '),
        ('"seq": ', '"seq": 1000'),
        ('"seq": 1,', '"seq": "1",'),
    ],
)
def test_an_export_has_what_was_signed_and_nothing_else(saved, before, after):
    from audit.offline import NotAnExport

    sealed_rows(3)
    path = saved(export("--channel", "cli").replace(before, after, 1))
    try:
        damage = damage_of(path)
    except NotAnExport:
        return
    assert damage


def test_a_header_with_two_columns_exchanged_is_refused(saved):
    from audit.offline import NotAnExport

    sealed_rows(1)
    text = export("--format", "csv")
    text = text.replace("actor", "#").replace("target_id", "actor", 1).replace("#", "target_id", 1)
    with pytest.raises(NotAnExport):
        damage_of(saved(text))
