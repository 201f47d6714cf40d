"""Random interleavings of everything that may happen to a promotion, against the real services."""

import os
import uuid
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from audit.verification import Verification
from flags.config_vars import name_of
from flags.declarations import Risk
from flags.reconcile import look, reconcile
from flags.services import flip
from promotions.marking import mark
from promotions.models import State
from promotions.policy import phrase
from promotions.services import approve, promote, reject
from promotions.settling import settle_all
from tests.flags.outside import raw, raw_delete, raw_insert, raw_update
from tests.promotions import forecast
from tests.promotions.choices import (
    FLAGS,
    FOUR_EYES,
    NOT_QUITE,
    PAGES,
    PEOPLE,
    PROMOTIONS,
    RELEASES,
    STEPS,
    mostly,
    next_moments,
    of_the_world,
    seats,
    seats_to_declare,
    seats_to_reconcile,
)
from tests.promotions.forecast import DONE
from tests.promotions.stage import Stage
from tests.promotions.world import DECLARED, KEYS, PROD, STAGING, Course, Who


class Interleavings(Stage):
    """What people ask for, and what happens without being asked."""

    # --- people --------------------------------------------------------------

    @rule(at=of_the_world(seats), value=st.booleans(), who=PEOPLE, page=PAGES)
    def flip(self, at: tuple[str, str], value: bool, who: Who, page: str) -> None:
        flag, env = at
        seen, view = self.seen(flag, env, page)
        answers = forecast.flip(self.world, flag, env, value, who, view)
        with self.expect("flip", answers) as answer:
            flip(flag, env, value, actor=self.actor(who), seen=seen, now=self.world.now)
        if answer == DONE:
            self.world.change(flag, env, value, "console")
            if env == STAGING:
                self.world.settle(self.world.open_course(flag))

    @rule(flag=FLAGS, who=PEOPLE, page=mostly(["", "now"], ["drawn"]))
    def mark(self, flag: str, who: Who, page: str) -> None:
        seen, view = self.seen(flag, STAGING, page)
        with self.expect("mark", forecast.mark(self.world, flag, who, view)) as answer:
            done = mark(flag, actor=self.actor(who), seen=seen, now=self.world.now)
        if answer == DONE:
            self.world.mark(flag, who).pk = done.pk
            if (flag, PROD) not in self.drawn:
                # A page that some later step is taken from.
                self.seen(flag, PROD, "now")

    @initialize(flag=FLAGS, four_eyes=FOUR_EYES, who=PEOPLE)
    def begin(self, flag: str, four_eyes: str, who: Who) -> None:
        self.world.four_eyes = settings.PROMOTION_FOUR_EYES = four_eyes
        self.flip((flag, STAGING), not self.value(flag, PROD), who, "now")
        self.mark(flag, who, "")

    @rule(steps=st.lists(STEPS, min_size=1, max_size=4))
    def go_on(self, steps: list[tuple]) -> None:
        """Some steps towards prod, up to the last one by who may take it: else few would ever come
        there. Of all rules the one with the fewest arguments: Hypothesis falls back on it."""
        for step in steps:
            self._go_on(*step)
            self.check()

    def _go_on(self, flag: str, who: Who, slip, page: str, by: str) -> None:
        alice, erin = Who("alice", True), Who("erin", True)
        at, course = (flag, STAGING), self.world.open_course(flag)
        if course is None:
            value = not self.value(flag, PROD)
            self.raw_sql(at, int(value)) if by == "sql" else self.flip(at, value, alice, "now")
            self.mark(flag, alice, "")
        elif self.world.seats[at].outside:
            self.reconcile(at, alice, stale=False)
        elif course.four_eyes and course.state == State.PENDING:
            self.approve(course, erin if course.marked_by == "alice" else alice)
        else:
            self.promote(course, who, slip, page, wait=True)

    @precondition(lambda self: self.world.courses)
    @rule(course=PROMOTIONS, who=PEOPLE)
    def approve(self, course: Course | None, who: Who) -> None:
        with self.expect("approve", forecast.approve(self.world, course, who)) as answer:
            approve(_pk(course), actor=self.actor(who), now=self.world.now)
        if answer == DONE:
            self.world.approve(course, who)

    @precondition(lambda self: self.world.courses)
    @rule(
        course=PROMOTIONS,
        who=PEOPLE,
        slip=st.sampled_from([str, str, *NOT_QUITE]),
        page=st.sampled_from(["", "now", "drawn"]),
        wait=mostly([True], [False]),
    )
    def promote(self, course: Course | None, who: Who, slip, page: str, wait: bool) -> None:
        if course and wait:
            self.world.now = max(self.world.now, course.soak_ends)
        flag = course.flag if course else KEYS[0]
        typed, (seen, view) = slip(phrase(flag)), self.seen(flag, PROD, page)
        answers = forecast.promote(self.world, course, who, typed, view)
        with self.expect("promote", answers) as answer:
            self.attempt, now = (who, typed), self.world.now
            promote(_pk(course), actor=self.actor(who), confirm=typed, seen=seen, now=now)
        if answer == DONE:
            self.world.promote(course, who)
            if self.world.risk(flag) is Risk.HIGH:
                self.tally["promoted, high risk"] += 1
            if self.world.seats[flag, STAGING].version != course.version:
                self.tally["promoted, and reconciled meanwhile"] += 1

    @precondition(lambda self: self.world.courses)
    @rule(course=PROMOTIONS, who=PEOPLE, reason=mostly(["not yet"], ["", " "]))
    def reject(self, course: Course | None, who: Who, reason: str) -> None:
        answers = forecast.reject(self.world, course, who, reason)
        with self.expect("reject", answers) as answer:
            reject(_pk(course), actor=self.actor(who), reason=reason, now=self.world.now)
        if answer == DONE:
            course.state, course.rejected_by = State.REJECTED, who.name
            self.world.told.append((course.flag, "rejected", "console"))

    @precondition(lambda self: any(seat.outside for seat in self.world.seats.values()))
    @rule(at=of_the_world(seats_to_reconcile), who=PEOPLE, stale=mostly([False], [True]))
    def reconcile(self, at: tuple[str, str], who: Who, stale: bool) -> None:
        flag, env = at
        seen = f"db:{uuid.uuid4().hex}:1"
        if not stale and self.world.seats[flag, env].declared:
            change = look(flag, env).change
            seen = change.seen if change else seen
        answers = forecast.reconcile(self.world, flag, env, who, stale)
        with self.expect("reconcile", answers) as answer:
            why = {"incident": "INC-7", "now": self.world.now}
            reconcile(flag, env, actor=self.actor(who), seen=seen, **why)
        if answer == DONE:
            seat = self.world.seats[flag, env]
            seat.outside, seat.version = False, seat.version + 1
            self.world.told.append((flag, "reconciled", "console"))

    # --- what nobody asked for -----------------------------------------------

    @rule(at=of_the_world(seats), does=st.sampled_from([0, 1, "delete", "off and on", "move"]))
    def raw_sql(self, at: tuple[str, str], does: int | str) -> None:
        flag, env = at
        row = self.world.seats[flag, env].row
        other = PROD if env == STAGING else STAGING
        if does in (0, 1):
            self._raw_value(flag, env, bool(does))
        elif does == "off and on" and row:
            self._raw_value(flag, env, not row.value)
            self._raw_value(flag, env, row.value)
        elif row and (does == "delete" or self.world.seats[flag, other].row):
            raw_delete(flag, env)
            self.world.change(flag, env, None, "sql")
        elif row:
            statement = "UPDATE console_feature_flags SET env=%s WHERE flag_key=%s AND env=%s"
            raw(statement, other, flag, env)
            self.world.change(flag, env, None, "sql")
            self.world.change(flag, other, row.value, "sql")

    def _raw_value(self, flag: str, env: str, value: bool) -> None:
        row = self.world.seats[flag, env].row
        (raw_update if row else raw_insert)(int(value), flag, env)
        if row is None or row.value != value:
            self.world.change(flag, env, value, "sql")

    @rule(step=of_the_world(next_moments), tick=st.sampled_from(["", "settle", "seal"]))
    def time_goes_by(self, step: timedelta, tick: str) -> None:
        """And the scheduler comes round, or does not: ends promotions, or seals what raw SQL left.
        That seals is the verifier, which finds nothing else to do."""
        self.world.now += step
        if tick == "settle":
            settle_all(self.world.now)
            self.world.sweep()
        elif tick == "seal":
            verification = Verification()
            assert sum(verification.run()) == verification.total
            assert verification.report.ok, verification.report.as_dict()

    @rule(at=of_the_world(seats_to_declare), change=RELEASES)
    def release(self, at: tuple[str, str], change: dict | None) -> None:
        """A release declares the flag otherwise, or (None) not at all, or again."""
        seat = self.world.seats[at]
        before = seat.declared or DECLARED[at]
        gone = change is None and seat.declared is not None
        seat.declared = None if gone else replace(before, **(change or {}))
        self.deploy(at[1])

    @rule(
        four_eyes=FOUR_EYES,
        expiry=st.sampled_from([1, 24, 168]),
        layer=st.sampled_from([True] * 5 + [False]),
        config_vars=st.dictionaries(FLAGS, st.booleans(), max_size=2),
    )
    def configure(self, four_eyes: str, expiry: int, layer: bool, config_vars: dict) -> None:
        world = self.world
        world.four_eyes, world.expiry, world.layer = four_eyes, expiry, layer
        settings.PROMOTION_FOUR_EYES, settings.PROMOTION_EXPIRY_HOURS = four_eyes, expiry
        settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = layer
        world.config_vars = config_vars
        self.forget_config_vars()
        os.environ.update({name_of(key): str(int(on)) for key, on in config_vars.items()})


def _pk(course: Course | None) -> int:
    return course.pk if course else 0
