"""`reconcile()`: one audit row that names the incident, the value untouched, or nothing at all."""

import pytest

from accounts.cli import cli_actor
from audit.actor import Actor, Channel
from audit.models import AuditEntry, AuditLink
from flags.errors import UndeclaredFlag
from flags.models import FeatureFlag
from flags.reconcile import LIMITS, Reconciled, reconcile
from flags.refusals import (
    EnvironmentNotServed,
    IncidentNeeded,
    RoleForbidden,
    StateMoved,
)
from tests.conftest import console_actor
from tests.flags.outside import (
    is_marked,
    last_change,
    raw_delete,
    raw_insert,
    without_triggers,
)
from tests.flags.test_flags_page import turn
from tests.pages import HIGH, LOW, MEDIUM, nothing_written

pytestmark = pytest.mark.usefixtures("declared")


def answer(user, key: str = LOW, env: str = "staging", **options) -> Reconciled:
    actor = user if isinstance(user, Actor) else console_actor(user)
    options.setdefault("incident", "INC-7")
    if "seen" not in options:
        options["seen"] = last_change(key, env).seen
    return reconcile(key, env, actor=actor, **options)


def test_it_writes_one_sealed_audit_row_and_leaves_value_and_moment_alone(ops):
    raw_insert()
    before, by_sql = FeatureFlag.objects.get(), AuditEntry.objects.get()
    done = answer(ops, incident=" INC-7 ", reason="the console\n was down")
    row, entry = FeatureFlag.objects.get(), AuditEntry.objects.latest("id")
    assert (done.done, done.now.outside) == (True, None)
    assert (entry.action, entry.target_type) == ("console.flag.reconciled", "feature_flag")
    assert (entry.target_id, entry.actor, entry.channel) == (LOW, "bob", "console")
    assert entry.payload == {"flag": LOW, "env": "staging", "value": True}
    assert entry.context == {
        "incident": "INC-7",
        "reason": "the console was down",
        "reconciled_change": by_sql.change_id.hex,
    }
    assert (row.change_id, row.updated_by) == (entry.change_id, ops)
    assert (row.value, row.updated_at) == (before.value, before.updated_at)
    assert AuditLink.objects.filter(audit_id=entry.pk).exists()
    assert AuditEntry.objects.count() == 2


def test_a_removed_row_is_answered_for_by_the_audit_row_alone(ops):
    turn(ops)
    raw_delete()
    removal = AuditEntry.objects.latest("id")
    assert answer(ops).done
    entry = AuditEntry.objects.latest("id")
    assert entry.payload == {"flag": LOW, "env": "staging", "value": None}
    assert entry.change_id is None
    assert entry.context["reconciled_change"] == removal.change_id.hex
    assert not FeatureFlag.objects.exists()


def test_a_row_that_nobody_accounts_for_can_be_reconciled(ops):
    without_triggers(FeatureFlag(flag_key=LOW, env="staging", value=0).save)
    assert answer(ops).done
    entry = AuditEntry.objects.get()
    assert entry.payload["value"] is False
    assert "reconciled_change" not in entry.context
    assert not is_marked()


@pytest.mark.parametrize("key", [MEDIUM, HIGH])
def test_it_takes_the_role_that_may_flip_the_risk_and_no_proof(superadmin, ops, key):
    raw_insert(key=key)
    with nothing_written(), pytest.raises(RoleForbidden):
        answer(ops, key)
    assert answer(superadmin, key).done


@pytest.mark.parametrize("key", [LOW, MEDIUM, HIGH])
def test_the_shell_may_for_every_risk(key):
    raw_insert(key=key)
    assert answer(cli_actor(), key).done
    assert AuditEntry.objects.latest("id").channel == "cli"


@pytest.mark.parametrize("channel", [Channel.CONSOLE, Channel.SYSTEM, Channel.SQL])
def test_nobody_else_without_a_user_may(channel):
    raw_insert()
    with nothing_written(), pytest.raises(RoleForbidden):
        answer(Actor(channel, "nobody"))


def test_it_works_while_the_database_layer_is_off(ops, settings):
    raw_insert()
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    assert answer(ops).done
    assert AuditEntry.objects.latest("id").payload["value"] is True
    assert not is_marked()


@pytest.mark.parametrize("change", [lambda user: None, turn], ids=["no row", "flipped"])
def test_where_there_is_nothing_to_reconcile_nothing_is_written(ops, change):
    change(ops)
    with nothing_written():
        assert answer(ops, seen="db::1").done is False


REFUSED = {
    "undeclared": ({"key": "no_such_flag", "seen": "db::1"}, UndeclaredFlag),
    "no incident": ({"incident": ""}, IncidentNeeded),
    "a blank incident": ({"incident": " \t\n"}, IncidentNeeded),
    "a long incident": ({"incident": "é" * (LIMITS["incident"] + 1)}, IncidentNeeded),
    "a NUL": ({"incident": "INC\x00"}, IncidentNeeded),
    "a surrogate": ({"reason": "\ud800"}, IncidentNeeded),
    "a long reason": ({"reason": "é" * (LIMITS["reason"] + 1)}, IncidentNeeded),
    "another value": ({"seen": "db::0"}, StateMoved),
}


@pytest.mark.parametrize(("options", "refusal"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_writes_nothing(ops, options, refusal):
    raw_insert()
    with nothing_written(), pytest.raises(refusal):
        answer(ops, **options)
    assert is_marked()


def test_an_environment_that_is_not_served_is_refused(ops, settings):
    raw_insert(env="prod")
    settings.CONSOLE_ENVIRONMENTS = ("staging",)
    with nothing_written(), pytest.raises(EnvironmentNotServed):
        answer(ops, env="prod")
