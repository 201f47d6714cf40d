"""Where the machine's steps are taken: one transaction, each step forecast and looked for."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.test import override_settings
from hypothesis.stateful import RuleBasedStateMachine, invariant

from accounts.models import User
from audit.actor import Actor
from flags import runtime
from flags.config_vars import name_of
from flags.errors import UndeclaredFlag
from flags.refusals import FlipRefused
from flags.state import read_state
from flags.sync import sync_flags
from promotions.models import Promotion, State
from tests.conftest import console_actor
from tests.promotions.evidence import Evidence
from tests.promotions.forecast import DONE, NOTHING, Answers
from tests.promotions.world import ENVS, KEYS, STAGING, Who, World

REFUSALS = (FlipRefused, UndeclaredFlag, Promotion.DoesNotExist)


class Stage(RuleBasedStateMachine):
    """Each step is forecast from the world, taken, and looked for in database and log.

    One example is one transaction, which is taken back; `tally` counts across all of them.
    """

    def __init__(self, users: dict[str, User], tally: Counter) -> None:
        super().__init__()
        self.users, self.tally, self.world = users, tally, World()
        self.drawn: dict[tuple[str, str], tuple[str, tuple]] = {}
        self.attempt: tuple[Who, str] | None = None
        self._settings = override_settings(PROMOTION_FOUR_EYES="off", PROMOTION_EXPIRY_HOURS=168)
        self._settings.enable()
        self._transaction = transaction.atomic()
        self._transaction.__enter__()
        for env in ENVS:
            self.deploy(env)
        self.evidence = Evidence({name: user.pk for name, user in users.items()})

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._transaction.__exit__(None, None, None)
        self._settings.disable()
        self.forget_config_vars()
        for course in self.world.courses:
            by = "a person" if course.rejected_by else "the system"
            self.tally[course.state + (f" by {by}" if course.state == State.REJECTED else "")] += 1
            if course.four_eyes and course.state == State.PROMOTED:
                self.tally["promoted with four eyes"] += 1

    @invariant()
    def check(self) -> None:
        self.evidence.check(self.world, self.attempt)
        self.attempt = None

    @contextmanager
    def expect(self, step: str, answers: Answers) -> Iterator[type[Exception] | str]:
        """Around a service's call: it must answer what is forecast. Whether there was nothing to do
        or something was done, the log tells."""
        answer = next(answers, DONE)
        refusal = None
        try:
            yield answer
        except REFUSALS as error:
            refusal = error
        wanted = DONE if answer == NOTHING else answer
        assert (type(refusal) if refusal else DONE) == wanted, f"{step}: {refusal!r}, not {wanted}"
        self.tally[f"{step}: {getattr(answer, '__name__', answer)}"] += 1

    def actor(self, who: Who) -> Actor:
        return console_actor(self.users[who.name], elevated=who.elevated)

    def value(self, flag: str, env: str) -> bool:
        seat = self.world.seats[flag, env]
        return self.world.value(flag, env) if seat.row or seat.declared else False

    def seen(self, flag: str, env: str, page: str) -> tuple[str, tuple | None]:
        """The token of what somebody sees there now, or saw when last somebody looked ("drawn"),
        and what the world said of it then. Without a page "" and None."""
        at = flag, env
        if not page or not self.world.seats[at].declared:
            return "", None
        now = read_state(flag, env).seen, self.world.view(flag, env)
        if page == "now":
            self.drawn[at] = now
        return self.drawn.get(at, now)

    def deploy(self, env: str) -> None:
        declared = self.world.declarations(env)
        if env == STAGING:
            runtime.declared = lambda: declared
        sync_flags(declared, env, release="a release", now=self.world.now)

    def forget_config_vars(self) -> None:
        for key in KEYS:
            os.environ.pop(name_of(key), None)
