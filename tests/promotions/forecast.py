"""What a service must answer to a step, given the world: yields refusals, the first one counts.

In the order that the services' docstrings give. What the system must have ended by then, whether
the step is refused or not, is ended in the world on the way.
"""

from collections.abc import Iterator
from typing import Any

from flags.declarations import Risk
from flags.errors import UndeclaredFlag
from flags.refusals import DbLayerOff, ElevationRequired, RoleForbidden, StateMoved
from promotions.models import Promotion, State
from promotions.policy import phrase
from promotions.refusals import PhraseNeeded, PromotionRefused, ReasonNeeded, SameEyes
from tests.promotions.world import PROD, STAGING, Course, Who, World

DONE, NOTHING = "done", "nothing to do"
Answers = Iterator[type[Exception] | str]


def flip(world: World, flag: str, env: str, value: bool, who: Who, view: Any) -> Answers:
    declared = world.seats[flag, env].declared
    if declared is None:
        yield UndeclaredFlag
    elif not who.may_flip(declared.risk):
        yield RoleForbidden
    elif env == STAGING and not world.layer:
        yield DbLayerOff
    elif world.is_set_to(flag, env, value):
        yield NOTHING
    elif view != world.view(flag, env):
        yield StateMoved
    elif declared.risk is Risk.HIGH and not who.elevated:
        yield ElevationRequired


def reconcile(world: World, flag: str, env: str, who: Who, stale: bool) -> Answers:
    seat = world.seats[flag, env]
    if seat.declared is None:
        yield UndeclaredFlag
    elif not who.may_flip(seat.declared.risk):
        yield RoleForbidden
    elif not seat.outside:
        yield NOTHING
    elif stale:
        yield StateMoved


def mark(world: World, flag: str, who: Who, view: Any) -> Answers:
    """`view` is None where the marker does not say what they saw."""
    if world.seats[flag, STAGING].declared is None:
        yield UndeclaredFlag
    if not who.is_superadmin:
        yield RoleForbidden
    world.settle(world.open_course(flag))
    if not world.layer:
        yield DbLayerOff
    if world.open_course(flag):
        yield PromotionRefused
    if view is not None and view != world.view(flag, STAGING):
        yield StateMoved
    if world.seats[flag, PROD].declared is None:
        yield PromotionRefused
    if world.is_set_to(flag, PROD, world.value(flag, STAGING)):
        yield PromotionRefused


def approve(world: World, course: Course | None, who: Who) -> Answers:
    yield from _step(world, course, who)
    assert course
    if course.state != State.PENDING or not world.is_declared(course.flag):
        yield PromotionRefused
    if course.four_eyes and course.marked_by == who.name:
        yield SameEyes


def promote(world: World, course: Course | None, who: Who, typed: str, view: Any) -> Answers:
    yield from _step(world, course, who)
    assert course
    if not course.is_open or world.now < course.soak_ends:
        yield PromotionRefused
    if course.four_eyes and course.state == State.PENDING:
        yield PromotionRefused
    if not world.is_declared(course.flag) or not world.layer:
        yield PromotionRefused
    if world.is_set_to(course.flag, PROD, course.value):
        yield PromotionRefused
    if view is not None and view != world.view(course.flag, PROD):
        yield StateMoved
    if world.risk(course.flag) is Risk.HIGH:
        if not who.elevated:
            yield ElevationRequired
        if typed != phrase(course.flag):
            yield PhraseNeeded


def reject(world: World, course: Course | None, who: Who, reason: str) -> Answers:
    if course and not reason.strip():
        yield ReasonNeeded
    yield from _step(world, course, who)
    assert course
    if not course.is_open:
        yield PromotionRefused


def _step(world: World, course: Course | None, who: Who) -> Answers:
    if course is None:
        yield Promotion.DoesNotExist
    if not who.is_superadmin:
        yield RoleForbidden
    world.settle(course)
