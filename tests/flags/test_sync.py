"""`sync_flags`: the declared rows become what the flags file says."""

from datetime import UTC, datetime

import pytest

from flags import runtime
from flags.declarations import Declaration, Risk
from flags.models import DeclaredFlag
from flags.sync import SyncPlan, plan_sync, sync_flags

pytestmark = pytest.mark.django_db

A = Declaration("a_flag", False, Risk.LOW, 24.0, "first")
B = Declaration("b_flag", True, Risk.HIGH, 0.5, "zweite, schön")
THEN = datetime(2026, 5, 4, 3, 0, tzinfo=UTC)


def _sync(*declarations: Declaration, env: str = "staging", release: str = "v1") -> SyncPlan:
    return sync_flags({d.key: d for d in declarations}, env, release=release, now=THEN)


def _declared(env: str = "staging") -> dict[str, Declaration]:
    return {row.flag_key: row.declaration for row in DeclaredFlag.objects.filter(env=env)}


def test_the_first_sync_adds_every_flag():
    assert _sync(A, B) == SyncPlan(added=["a_flag", "b_flag"])
    assert _declared() == {"a_flag": A, "b_flag": B}
    row = DeclaredFlag.objects.get(flag_key="a_flag")
    assert (row.release, row.synced_at) == ("v1", THEN)


def test_a_second_sync_changes_nothing_and_says_so():
    _sync(A, B)
    pks = set(DeclaredFlag.objects.values_list("pk", flat=True))
    again = _sync(A, B, release="v2")
    assert not again
    assert str(again) == ""
    assert set(DeclaredFlag.objects.values_list("pk", flat=True)) == pks
    assert set(DeclaredFlag.objects.values_list("release", flat=True)) == {"v2"}


@pytest.mark.parametrize(
    "changed",
    [
        Declaration("a_flag", True, Risk.LOW, 24.0, "first"),
        Declaration("a_flag", False, Risk.MEDIUM, 24.0, "first"),
        Declaration("a_flag", False, Risk.LOW, 23.5, "first"),
        Declaration("a_flag", False, Risk.LOW, 24.0, "second"),
    ],
    ids=["default", "risk", "soak", "description"],
)
def test_a_changed_field_is_written(changed):
    _sync(A, B)
    assert _sync(changed, B) == SyncPlan(changed=["a_flag"])
    assert _declared()["a_flag"] == changed


def test_a_flag_that_is_no_longer_declared_is_removed():
    _sync(A, B)
    assert _sync(B) == SyncPlan(removed=["a_flag"])
    assert _declared() == {"b_flag": B}


def test_the_other_environments_rows_are_left_alone():
    _sync(A, B, env="prod")
    _sync(A)
    _sync(B)
    assert _declared("prod") == {"a_flag": A, "b_flag": B}


def test_a_plan_tells_what_a_sync_would_do_and_writes_nothing():
    _sync(A, B)
    new = Declaration("c_flag", False, Risk.LOW, 24.0, "third")
    changed = Declaration("b_flag", False, Risk.HIGH, 0.5, "zweite, schön")
    plan = plan_sync({"b_flag": changed, "c_flag": new}, "staging")
    assert str(plan) == "added: c_flag; changed: b_flag; removed: a_flag"
    assert _declared() == {"a_flag": A, "b_flag": B}


def test_the_shipped_declarations_survive_the_round_trip_through_the_database():
    sync_flags(runtime.declared(), "staging", release="v1")
    assert _declared() == dict(runtime.declared())


def test_a_sync_takes_as_many_queries_for_a_thousand_flags_as_for_two(
    django_assert_max_num_queries,
):
    many = [Declaration(f"flag_{n}", False, Risk.LOW, 24.0, "x" * 1000) for n in range(1000)]
    with django_assert_max_num_queries(20):
        _sync(*many)
    assert len(_declared()) == 1000
    with django_assert_max_num_queries(20):
        _sync()
    assert _declared() == {}
