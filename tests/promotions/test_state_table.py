"""Every step in every state by every kind of visitor, over HTTP: what is allowed works; all else
answers 403 or 409 (signed out: 302), and nothing is written."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.roles import Role
from audit.models import AuditEntry
from promotions.marking import mark
from promotions.models import Promotion
from promotions.services import approve, promote, reject
from promotions.settling import settle_all
from tests.conftest import console_actor, make_user
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
UNNOTED = ("its time is over", "staging changed")
ACTS = {
    "mark": ["mark_promote"],
    "approve": ["approved"],
    "reject": ["rejected"],
    "promote": ["approved", "flip", "promoted"],
}
AGES = {"pending": 1, "approved": 1, "its time is over": 73 + 168}


class Undo(Exception):
    pass


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


def is_settled_by(who: str, status: int, state: str) -> bool:
    """Whether the system ended the promotion on the way to the refusal."""
    return state in UNNOTED and status == 409


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize(
    ("who", "key"),
    [
        *((who, LOW) for who in (*EVERYONE, *HAD_A_PROOF)),
        # Whoever takes no step at all takes none whatever the risk.
        *((who, HIGH) for who in (*SEE_FLAGS, *HAD_A_PROOF)),
    ],
)
def test_each_step_in_each_state_by_each_visitor(declared, who, state, key):
    client = client_as(who)
    promotion = bring_about(state, key)
    for verb in VERBS:
        if promotion is None and verb != "mark":
            continue
        with pytest.raises(Undo), transaction.atomic():
            check(client, who, state, key, verb, promotion)
            raise Undo


def check(client, who, state, key, verb, promotion) -> None:
    before, audited = everything(), AuditEntry.objects.count()
    status = answer(client, verb, key, promotion)
    told = [
        entry.action.removeprefix("console.flag.")
        for entry in AuditEntry.objects.order_by("id")[audited:]
    ]
    assert status == expected(who, key, state, verb), verb
    ended = {"its time is over": ["expired"], "staging changed": ["rejected"]}.get(state, [])
    if status == 303:
        acts = ACTS[verb]
        if verb == "promote" and state == "approved, due":
            acts = acts[1:]
        assert told == ended + acts
    elif is_settled_by(who, status, state):
        assert told == ended
        promotion.refresh_from_db()
        assert promotion.state == ended[0]
    else:
        assert told == []
        assert everything() == before
