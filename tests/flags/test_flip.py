"""`flip()`: one transaction or nothing."""

import uuid

import pytest
from django.db import transaction

import flags
from audit.models import AuditEntry
from flags import writing
from flags.errors import UndeclaredFlag
from flags.models import FeatureFlag
from flags.refusals import DbLayerOff, ElevationRequired, RoleForbidden, StateMoved
from flags.services import Outcome, flip
from flags.state import read_state
from tests.conftest import console_actor

KEY = "console_billing"


def seen(key: str = KEY, env: str = "staging") -> str:
    return read_state(key, env).seen


def test_a_flip_writes_the_row_and_its_audit_row(ops):
    done = flip(KEY, "staging", True, actor=console_actor(ops), seen=seen(), reason="launch")

    row = FeatureFlag.objects.get()
    entry = AuditEntry.objects.get()
    assert done.outcome is Outcome.FLIPPED
    assert (row.flag_key, row.env, row.value, row.updated_by) == (KEY, "staging", 1, ops)
    assert row.change_id == entry.change_id
    assert row.updated_at == entry.created_at
    assert (entry.action, entry.target_type, entry.target_id) == (
        "console.flag.flip",
        "feature_flag",
        KEY,
    )
    assert entry.payload == {"flag": KEY, "env": "staging", "from": False, "to": True}
    assert (entry.admin, entry.actor, entry.channel) == (ops, "bob", "console")
    assert entry.context["reason"] == "launch"


def test_a_flip_is_seen_by_application_code(ops):
    assert flags.is_on(KEY) is False
    flip(KEY, "staging", True, actor=console_actor(ops), seen=seen())
    assert flags.is_on(KEY) is True
    assert flags.explain(KEY).layers == {"db": True, "env": None, "yaml": False}


def test_a_flip_of_the_other_environment_is_not(ops):
    flip(KEY, "prod", True, actor=console_actor(ops), seen=seen(env="prod"))
    assert flags.is_on(KEY) is False


def test_the_same_value_from_yaml_is_pinned(ops):
    done = flip(KEY, "staging", False, actor=console_actor(ops), seen=seen())
    assert done.outcome is Outcome.PINNED
    assert FeatureFlag.objects.get().value == 0
    assert AuditEntry.objects.get().payload["from"] is False


def test_the_same_value_from_a_config_var_is_pinned(ops, monkeypatch):
    monkeypatch.setenv("FLAG_CONSOLE_BILLING", "on")
    done = flip(KEY, "staging", True, actor=console_actor(ops), seen=seen())
    assert done.outcome is Outcome.PINNED
    assert AuditEntry.objects.get().payload == {
        "flag": KEY,
        "env": "staging",
        "from": True,
        "to": True,
    }


def test_the_value_that_the_row_has_is_answered_as_done_and_nothing_is_written(ops):
    old = seen()
    flip(KEY, "staging", True, actor=console_actor(ops), seen=old)
    again = flip(KEY, "staging", True, actor=console_actor(ops), seen=old)
    assert again.outcome is Outcome.ALREADY
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    "stale", ["yaml::1", "env::0", "db::0", f"db:{uuid.UUID(int=7).hex}:0", "yaml::0"]
)
def test_what_was_seen_and_is_no_more_is_refused_with_the_fresh_state(ops, stale):
    flip(KEY, "staging", True, actor=console_actor(ops), seen=seen())
    flip(KEY, "staging", False, actor=console_actor(ops), seen=seen())
    with pytest.raises(StateMoved) as refused:
        flip(KEY, "staging", True, actor=console_actor(ops), seen=stale)
    assert refused.value.state.seen == seen()
    assert AuditEntry.objects.count() == 2


def test_on_and_off_again_is_not_what_was_seen(ops):
    flip(KEY, "staging", True, actor=console_actor(ops), seen=seen())
    drawn = seen()
    flip(KEY, "staging", False, actor=console_actor(ops), seen=seen())
    flip(KEY, "staging", True, actor=console_actor(ops), seen=seen())
    with pytest.raises(StateMoved):
        flip(KEY, "staging", False, actor=console_actor(ops), seen=drawn)


def test_a_row_that_raw_sql_inserted_can_be_flipped(ops):
    FeatureFlag.objects.create(flag_key=KEY, env="staging", value=1)
    assert seen() == f"db:{FeatureFlag.objects.get().change_id.hex}:1"
    flip(KEY, "staging", False, actor=console_actor(ops), seen=seen())
    assert FeatureFlag.objects.get().value == 0


def test_an_undeclared_flag_is_refused(ops):
    with pytest.raises(UndeclaredFlag):
        flip("no_such_flag", "staging", True, actor=console_actor(ops), seen="yaml::0")


def test_a_role_that_may_not_is_refused(ops, support):
    for user, key in ((ops, "raptor_async_exports"), (support, KEY)):
        with pytest.raises(RoleForbidden):
            flip(key, "staging", True, actor=console_actor(user), seen=seen(key))
    assert not AuditEntry.objects.exists()


def test_high_risk_needs_elevation_even_of_a_superuser(superadmin, superuser):
    key = "checkout_express"
    for user in (superadmin, superuser):
        with pytest.raises(ElevationRequired):
            flip(key, "staging", True, actor=console_actor(user), seen=seen(key))
    flip(key, "staging", True, actor=console_actor(superadmin, elevated=True), seen=seen(key))
    assert FeatureFlag.objects.get().value == 1


def test_nothing_is_flipped_while_the_database_layer_is_off(ops, settings):
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    with pytest.raises(DbLayerOff):
        flip(KEY, "staging", True, actor=console_actor(ops), seen=seen())
    assert not FeatureFlag.objects.exists()


class Boom(Exception):
    pass


@pytest.mark.parametrize("first", [True, False], ids=["first row", "later row"])
def test_an_exception_between_audit_insert_and_row_update_leaves_neither(ops, monkeypatch, first):
    if not first:
        flip(KEY, "staging", False, actor=console_actor(ops), seen=seen())
    rows = list(FeatureFlag.objects.values())
    written = []

    def boom(*args):
        written.append(AuditEntry.objects.count())
        raise Boom

    monkeypatch.setattr(writing, "_swap", boom)
    with pytest.raises(Boom):
        flip(KEY, "staging", True, actor=console_actor(ops), seen=seen())
    assert written == [len(rows) + 1]
    assert AuditEntry.objects.count() == len(rows)
    assert list(FeatureFlag.objects.values()) == rows


def test_a_flip_that_is_rolled_back_leaves_neither(ops):
    with pytest.raises(Boom), transaction.atomic():
        flip(KEY, "staging", True, actor=console_actor(ops), seen=seen())
        raise Boom
    assert not AuditEntry.objects.exists()
    assert not FeatureFlag.objects.exists()
