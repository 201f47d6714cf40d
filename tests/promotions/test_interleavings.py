"""Whatever happens, in whatever order: prod gets only what soaked, and the log says how."""

import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from accounts.models import User
from accounts.roles import Role
from flags import runtime
from tests.conftest import make_user
from tests.promotions.machine import Interleavings
from tests.sizes import LONG, size

SETTINGS = settings(
    # From ten on Hypothesis begins with small ones, and then varies those that it has: many seeds
    # try out more.
    max_examples=9,
    stateful_step_count=size(20, 60),
    derandomize=not LONG,
    database=None,
    deadline=None,
    # Each step is a transaction: an example is long and slow.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SEEDS = [random.getrandbits(64) for _ in range(60)] if LONG else range(9)
# Or else it would show little: how often each of these came about, at least.
ENOUGH = {
    "promoted": 50,
    "promoted with four eyes": 30,
    "promoted, high risk": 30,
    "promoted, and reconciled meanwhile": 2,
    "rejected by a person": 10,
    "rejected by the system": 15,
    "expired": 15,
    "flip: StateMoved": 3,
    "approve: SameEyes": 5,
    "promote: ElevationRequired": 2,
    "promote: PhraseNeeded": 5,
    "promote: PromotionRefused": 30,
    "promote: StateMoved": 1,
    "reconcile: done": 10,
}


@pytest.fixture
def users(superadmin, ops) -> dict[str, User]:
    return {"alice": superadmin, "erin": make_user("erin", Role.SUPERADMIN), "bob": ops}


def test_no_interleaving_brings_prod_what_did_not_soak(users, monkeypatch):
    # The machine puts its own in their place; here they are put back.
    monkeypatch.setattr(runtime, "declared", runtime.declared)
    tally: Counter = Counter()
    for number in SEEDS:
        print(f"seed {number}")
        machine = seed(number)(lambda: Interleavings(users, tally))
        run_state_machine_as_test(machine, settings=SETTINGS)
    print("\n".join(f"{times:6} {what}" for what, times in sorted(tally.items())))
    assert {what: tally[what] for what, least in ENOUGH.items() if tally[what] < least} == {}
