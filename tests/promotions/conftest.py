"""Promotions as tests make them: marked on staging, soaked, told of by the log."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import User
from accounts.roles import Role
from audit.actor import Actor
from audit.models import AuditEntry
from flags.services import flip
from flags.state import FlagState, read_state
from promotions.marking import mark
from promotions.models import Promotion
from tests.conftest import console_actor, make_user

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOW, MEDIUM, HIGH = "console_billing", "raptor_async_exports", "checkout_express"


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


@pytest.fixture
def alice(superadmin: User) -> Actor:
    return console_actor(superadmin)


@pytest.fixture
def erin(declared) -> Actor:
    """Another superadmin."""
    return console_actor(make_user("erin", Role.SUPERADMIN))


def turn(key: str, env: str, value: bool, actor: Actor, now: datetime = START) -> FlagState:
    """Flip a flag from whatever it is."""
    return flip(key, env, value, actor=actor, seen=read_state(key, env).seen, now=now).state


def marked(actor: Actor, key: str = LOW, now: datetime = START) -> Promotion:
    """A promotion that turns the flag on in prod; staging was turned on an hour before."""
    turn(key, "staging", True, actor, now - hours(1))
    return mark(key, actor=actor, now=now)


def story(key: str = LOW) -> list[tuple[str, str, str]]:
    """Action, channel and actor of each audit row about the flag, in order."""
    about = AuditEntry.objects.filter(target_id=key).order_by("id")
    prefix = "console.flag."
    return [(entry.action.removeprefix(prefix), entry.channel, entry.actor) for entry in about]
