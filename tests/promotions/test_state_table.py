"""Every step in every state by every kind of visitor, over HTTP: what is allowed works; all else
answers 403 or 409 (signed out: 302), and nothing is written."""

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.roles import Role
from audit.models import AuditEntry
from flags.testing import inline_store
from promotions.marking import mark
from promotions.models import Promotion
from promotions.services import approve, promote, reject
from promotions.settling import settle_all
from tests.conftest import console_actor, declare_both, make_user
from tests.flags.outside import raw_update
from tests.pages import (
    EVERYONE,
    FLAGS,
    HAD_A_PROOF,
    HIGH,
    LOW,
    SEE_FLAGS,
    SEE_NO_FLAGS,
    SIGNED_OUT,
    client_as,
    everything,
    same_browser,
    undone,
)
from tests.promotions.conftest import turn

VERBS = ("mark", "approve", "promote", "reject")
# What may be done in each state. In the last two nobody has written down yet how it ended.
ALLOWED = {
    "unmarked": {"mark"},
    "pending": {"approve", "reject"},
    "pending, due": {"approve", "promote", "reject"},
    "approved": {"reject"},
    "approved, due": {"promote", "reject"},
    "promoted": set(),
    "rejected": {"mark"},
    "expired": {"mark"},
    "its time is over": {"mark"},
    "staging changed": {"mark"},
}
ENDED = {"its time is over": ["expired"], "staging changed": ["rejected"]}
ACTS = {
    "mark": ["mark_promote"],
    "approve": ["approved"],
    "reject": ["rejected"],
    "promote": ["approved", "flip", "promoted"],
}
AGES = {"pending": 1, "approved": 1, "its time is over": 73 + 168}


def bring_about(state: str, key: str) -> Promotion | None:
    """The flag's promotion in this state; grace marked it, with staging on since the day before."""
    actor = console_actor(make_user("grace", Role.SUPERADMIN), elevated=True)
    now = timezone.now()
    at = now - timedelta(hours=AGES.get(state, 73))
    turn(key, "staging", True, actor, at - timedelta(days=1))
    if state == "unmarked":
        return None
    promotion = mark(key, actor=actor, now=at)
    steps: dict[str, Callable[[], object]] = {
        "approved": lambda: approve(promotion.pk, actor=actor, now=at),
        "approved, due": lambda: approve(promotion.pk, actor=actor, now=at),
        "promoted": lambda: promote(promotion.pk, actor=actor, confirm=f"promote {key} to prod"),
        "rejected": lambda: reject(promotion.pk, actor=actor, reason="no"),
        "expired": lambda: settle_all(promotion.expires_at),
        "staging changed": lambda: raw_update(0, key),
    }
    steps.get(state, lambda: None)()
    promotion.refresh_from_db()
    return promotion


def answer(client, verb: str, key: str, promotion: Promotion | None) -> int:
    if verb == "mark":
        return client.post(f"{FLAGS}/{key}/mark-promote", {"env": "staging"}).status_code
    form = {"confirm": f"promote {key} to prod", "reason": "because"}
    return client.post(f"/console/promotions/{promotion.pk}/{verb}", form).status_code


def expected(who: str, key: str, state: str, verb: str) -> int:
    if who in SIGNED_OUT:
        return 302
    if who in SEE_NO_FLAGS or who == "ops":
        return 403
    if verb not in ALLOWED[state]:
        return 409
    is_elevated = who in ("elevated", "elevated-superuser")
    return 403 if verb == "promote" and key == HIGH and not is_elevated else 303


def is_settled_by(status: int, state: str) -> bool:
    """Whether the system ended the promotion on the way to the refusal."""
    return state in ENDED and status == 409


@pytest.fixture(scope="module")
def browsers(django_db_setup, django_db_blocker) -> Iterator[dict[str, Client]]:
    """Every kind of visitor, signed in once for all states: each test's transaction is within."""
    with django_db_blocker.unblock(), inline_store(), undone():
        declare_both()
        yield {who: client_as(who) for who in (*EVERYONE, *HAD_A_PROOF)}


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize(
    ("visitors", "key"),
    [
        pytest.param((*EVERYONE, *HAD_A_PROOF), LOW, id="low"),
        # Whoever takes no step at all takes none whatever the risk.
        pytest.param((*SEE_FLAGS, *HAD_A_PROOF), HIGH, id="high"),
    ],
)
def test_each_step_in_each_state_by_each_visitor(browsers, db, state, visitors, key):
    promotion = bring_about(state, key)
    before, audited = everything(), AuditEntry.objects.count()
    for who, verb in itertools.product(visitors, VERBS):
        if promotion is None and verb != "mark":
            continue
        client = same_browser(browsers[who])
        with undone():
            status = answer(client, verb, key, promotion)
            entries = AuditEntry.objects.order_by("id")[audited:]
            told = [entry.action.removeprefix("console.flag.") for entry in entries]
            step = f"{who}: {verb}"
            assert status == expected(who, key, state, verb), step
            assert told == expected_acts(verb, state, status), step
            if is_settled_by(status, state):
                settled = Promotion.objects.get(pk=promotion.pk)
                assert settled.state == ENDED[state][0], step
            elif status != 303:
                assert everything() == before, step


def expected_acts(verb: str, state: str, status: int) -> list[str]:
    """What the log is told, of how the promotion before ended, too."""
    if status == 303:
        already = verb == "promote" and state == "approved, due"
        return ENDED.get(state, []) + ACTS[verb][already:]
    return ENDED[state] if is_settled_by(status, state) else []
