"""Who acts on a promotion beside whom, and how a race of the two is set up."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import connection, transaction

from accounts.models import User
from audit.actor import Actor
from audit.services import audited
from flags.services import flip
from promotions.marking import mark
from promotions.models import Promotion, State
from promotions.services import approve, promote, reject
from promotions.settling import settle, settle_all
from tests.conftest import console_actor
from tests.promotions.conftest import START, hours, turn

_RAW_OFF = "UPDATE console_feature_flags SET value = 0 WHERE env = 'staging' AND flag_key = %s"
_DELETE = "DELETE FROM console_feature_flags WHERE flag_key = %s"
DUE, OVER = START + hours(24), START + hours(24 + 168)
WHO = ("alice", "erin")


@dataclass(frozen=True, slots=True)
class Page:
    """What somebody has before them when they act: the flag's latest promotion, 0 where there is
    none, and the values."""

    actor: Actor
    key: str
    promotion: int
    staging: str
    prod: str


@dataclass(slots=True)
class Side:
    """An act, and how many seconds late it begins, give or take a millisecond.

    One that `aims` comes later after each round in which it was first, and earlier after each in
    which it was not, by smaller and smaller steps: so both win, however fast the machine is.
    """

    act: Callable[[Page], str]
    aims: bool = False
    late: float = 0.0
    step: float = 0.008

    def wait(self) -> None:
        time.sleep(self.late + random.uniform(0, 0.002))

    def aim(self, was_first: bool) -> None:
        if not self.aims:
            return
        if was_first is (self.step < 0):
            self.step /= -1 if abs(self.step) < 0.001 else -2
        self.late = max(0.0, self.late + self.step)


# --- how a round is set up ---------------------------------------------------


def _staged(key: str, off_in_prod: bool) -> None:
    """On in staging and without a promotion; in prod off, or off without a row."""
    alice = console_actor(User.objects.get(username=WHO[0]))
    with audited():
        if Promotion.objects.open().filter(flag_key=key).exists():
            turn(key, "staging", False, alice, START)
        turn(key, "staging", True, alice, START)
        if off_in_prod:
            turn(key, "prod", False, alice, START)
        else:
            _sql(f"{_DELETE} AND env = 'prod'", key)


def _bare(key: str, _: bool) -> None:
    """Without any row, and without a promotion."""
    _sql(_DELETE, key)
    settle_all(START)


def _marked(key: str, off_in_prod: bool) -> None:
    """On in staging and marked."""
    _staged(key, off_in_prod)
    mark(key, actor=console_actor(User.objects.get(username=WHO[0])), now=START)


def _marked_without_prod(key: str, _: bool) -> None:
    _marked(key, off_in_prod=False)


def _broken(key: str, off_in_prod: bool) -> None:
    """Marked, and changed by raw SQL: nobody has looked since."""
    _marked(key, off_in_prod)
    _sql(_RAW_OFF, key)


def _gone(key: str, off_in_prod: bool) -> None:
    """The same, and with staging's row went the lock."""
    _marked(key, off_in_prod)
    _sql(f"{_DELETE} AND env = 'staging'", key)


# --- acts --------------------------------------------------------------------


def _promote(page: Page) -> str:
    promote(page.promotion, actor=page.actor, seen=page.prod, now=DUE)
    return "done"


def _approve(page: Page) -> str:
    approve(page.promotion, actor=page.actor, now=DUE)
    return "done"


def _reject(page: Page) -> str:
    reject(page.promotion, actor=page.actor, reason="a race", now=DUE)
    return "done"


def _mark(page: Page) -> str:
    mark(page.key, actor=page.actor, seen=page.staging, now=START)
    return "done"


def _settle(page: Page, now: datetime) -> str:
    done = settle_all(now)
    ended = [promotion.pk for promotion in done.expired + done.rejected]
    return "done" if page.promotion in ended else "nothing"


def _touch(page: Page, now: datetime) -> str:
    """What every step does first: other than the scheduler it waits for whoever is at it."""
    settle(now, pk=page.promotion)
    is_over = Promotion.objects.get(pk=page.promotion).state == State.EXPIRED
    return "done" if is_over else "nothing"


def _flip(page: Page, env: str, value: bool) -> str:
    seen = page.staging if env == "staging" else page.prod
    done = flip(page.key, env, value, actor=page.actor, seen=seen, now=DUE)
    return "already" if done.outcome == "already" else "done"


def _raw(page: Page) -> str:
    """Every other time the row stays locked for a moment."""
    with transaction.atomic():
        _sql(_RAW_OFF, page.key)
        if random.random() < 0.5:
            time.sleep(random.uniform(0, 0.002))
    return "done"


def _sql(statement: str, key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [key])


_promoting, _marking = Side(_promote), Side(_mark)
_expiring = Side(partial(_settle, now=OVER))
_settling = Side(partial(_settle, now=DUE))


def _flipping(env: str, value: bool) -> Side:
    return Side(partial(_flip, env=env, value=value), aims=True)


KINDS: dict[str, tuple[Callable[[str, bool], None], tuple[Side, Side]]] = {
    "promote/promote": (_marked, (_promoting, _promoting)),
    "promote/reject": (_marked, (_promoting, Side(_reject, aims=True))),
    "promote/staging off": (_marked, (_promoting, _flipping("staging", False))),
    "promote/staging off by SQL": (_marked, (_promoting, Side(_raw, aims=True))),
    "promote/expire": (_marked, (_promoting, Side(partial(_touch, now=OVER), aims=True))),
    "promote/prod on": (_marked, (_promoting, _flipping("prod", True))),
    "promote/prod off": (_marked_without_prod, (_promoting, _flipping("prod", False))),
    "approve/reject": (_marked, (Side(_approve), Side(_reject))),
    "expire/expire": (_marked, (_expiring, _expiring)),
    "settle/settle": (_broken, (_settling, _settling)),
    "settle/settle, row gone": (_gone, (_settling, _settling)),
    "mark/mark": (_staged, (_marking, _marking)),
    "mark/staging off": (_staged, (_marking, _flipping("staging", False))),
    "bare mark/mark": (_bare, (_marking, _marking)),
    "bare mark/staging on": (_bare, (_marking, _flipping("staging", True))),
}
"""How a round is set up, and who acts in it."""
