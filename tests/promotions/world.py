"""What the machine of `test_interleavings` believes, written from what it did itself.

It knows no version of any row: every change of a row, through whichever channel, begins a new span,
and a promotion stands for one span of staging.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flags.declarations import Declaration, Risk
from flags.layers import Source
from promotions.models import State
from promotions.policy import stricter
from tests.promotions.conftest import START, hours

ENVS = STAGING, PROD = ("staging", "prod")
KEYS = HIGH, LOW, SOON = ("checkout_express", "console_billing", "email_digest_weekly")
# The last one: staging's release thinks more of its risk than prod's, and asks no soak of it.
DECLARED = {
    (HIGH, STAGING): Declaration(HIGH, False, Risk.HIGH, 72.0, "A flag of high risk"),
    (HIGH, PROD): Declaration(HIGH, False, Risk.HIGH, 72.0, "A flag of high risk"),
    (LOW, STAGING): Declaration(LOW, False, Risk.LOW, 24.0, "One of low risk"),
    (LOW, PROD): Declaration(LOW, False, Risk.LOW, 24.0, "One of low risk"),
    (SOON, STAGING): Declaration(SOON, True, Risk.HIGH, 0.0, "One without a soak"),
    (SOON, PROD): Declaration(SOON, True, Risk.LOW, 24.0, "One with a soak"),
}


@dataclass(frozen=True, slots=True)
class Who:
    """A person with or without a fresh proof. Bob is ops, all others are superadmins."""

    name: str
    elevated: bool

    @property
    def is_superadmin(self) -> bool:
        return self.name != "bob"

    def may_flip(self, risk: Risk) -> bool:
        return self.is_superadmin or risk is Risk.LOW


@dataclass(frozen=True, slots=True)
class Row:
    """A DB row's value, in which span of it, and since when."""

    value: bool
    span: int
    since: datetime


@dataclass(slots=True)
class Seat:
    """One flag in one environment. `version` also moves when a person answers for raw SQL."""

    declared: Declaration | None
    row: Row | None = None
    outside: bool = False
    version: int = 0


@dataclass(slots=True)
class Course:
    """A promotion as it must have gone. `soak` is what was declared when it was marked."""

    flag: str
    value: bool
    span: int
    version: int
    soak: timedelta
    marked_by: str
    marked_at: datetime
    expires: datetime
    four_eyes: bool
    state: State = State.PENDING
    approved_by: str | None = None
    promoted_by: str | None = None
    rejected_by: str | None = None
    pk: int = 0

    @property
    def soak_ends(self) -> datetime:
        return self.marked_at + self.soak

    @property
    def is_open(self) -> bool:
        return self.state in (State.PENDING, State.APPROVED)


@dataclass(slots=True)
class World:
    """Both environments, the queue, the settings and the time. `told` is what each step must have
    added to the log: flag, action, channel."""

    now: datetime = START
    four_eyes: str = "off"
    expiry: int = 168
    layer: bool = True
    seats: dict[tuple[str, str], Seat] = field(
        default_factory=lambda: {at: Seat(flag) for at, flag in DECLARED.items()}
    )
    config_vars: dict[str, bool] = field(default_factory=dict)
    courses: list[Course] = field(default_factory=list)
    told: list[tuple[str, str, str]] = field(default_factory=list)
    spans: Iterator[int] = field(default_factory=itertools.count)

    def declarations(self, env: str) -> dict[str, Declaration]:
        found = {key: self.seats[key, env].declared for key in KEYS}
        return {key: flag for key, flag in found.items() if flag}

    def is_declared(self, flag: str) -> bool:
        return all(self.seats[flag, env].declared for env in ENVS)

    def risk(self, flag: str) -> Risk:
        """The stricter of the two declarations, which must both be there."""
        one, other = (self.seats[flag, env].declared for env in ENVS)
        assert one and other
        return stricter(one.risk, other.risk)

    def source(self, flag: str, env: str) -> Source:
        if self.seats[flag, env].row and (self.layer or env == PROD):
            return Source.DB
        return Source.ENV if env == STAGING and flag in self.config_vars else Source.YAML

    def value(self, flag: str, env: str) -> bool:
        seat, source = self.seats[flag, env], self.source(flag, env)
        if source is Source.DB:
            assert seat.row
            return seat.row.value
        assert seat.declared
        return self.config_vars[flag] if source is Source.ENV else seat.declared.default

    def view(self, flag: str, env: str) -> tuple:
        """What a page shows of it: another view, and what was seen there is stale."""
        source = self.source(flag, env)
        version = self.seats[flag, env].version if source is Source.DB else None
        return source, version, self.value(flag, env)

    def is_set_to(self, flag: str, env: str, value: bool) -> bool:
        return self.source(flag, env) is Source.DB and self.value(flag, env) == value

    def open_course(self, flag: str) -> Course | None:
        return next((one for one in self.courses if one.flag == flag and one.is_open), None)

    def change(self, flag: str, env: str, value: bool | None, channel: str) -> None:
        """A row got another value, or came, or (None) went."""
        seat = self.seats[flag, env]
        seat.row = None if value is None else Row(value, next(self.spans), self.now)
        seat.version += 1
        seat.outside = channel == "sql"
        self.told.append((flag, "flip", channel))

    def due(self, course: Course) -> State | None:
        """How the system must end it when it is next touched; None while it may go on."""
        row = self.seats[course.flag, STAGING].row
        if not course.is_open:
            return None
        if self.now >= course.expires:
            return State.EXPIRED
        return None if row and row.span == course.span else State.REJECTED

    def settle(self, *courses: Course | None) -> None:
        for course in courses:
            ending = course and self.due(course)
            if course and ending:
                course.state = ending
                self.told.append((course.flag, ending, "system"))

    def sweep(self) -> None:
        """The scheduler's round. It notices, too, that staging does without its rows."""
        for course in self.courses:
            self.settle(course)
            if not course.is_open or self.layer or not self.seats[course.flag, STAGING].declared:
                continue
            if self.value(course.flag, STAGING) != course.value:
                course.state = State.REJECTED
                self.told.append((course.flag, State.REJECTED, "system"))

    def mark(self, flag: str, who: Who) -> Course:
        """Staging's value enters the queue, pinned if it has no row."""
        seat = self.seats[flag, STAGING]
        if not seat.row:
            self.change(flag, STAGING, self.value(flag, STAGING), "console")
        assert seat.declared and seat.row
        soak = hours(seat.declared.soak_period_hours)
        ask = self.four_eyes == "all" or (self.four_eyes, self.risk(flag)) == ("high", Risk.HIGH)
        ends = self.now + soak + hours(self.expiry)
        value, span = seat.row.value, seat.row.span
        what = (flag, value, span, seat.version, soak, who.name, self.now, ends, ask)
        self.courses.append(Course(*what))
        self.told.append((flag, "mark_promote", "console"))
        return self.courses[-1]

    def approve(self, course: Course, who: Who) -> None:
        course.state, course.approved_by = State.APPROVED, who.name
        self.told.append((course.flag, "approved", "console"))

    def promote(self, course: Course, who: Who) -> None:
        if course.state == State.PENDING:
            self.approve(course, who)
        self.change(course.flag, PROD, course.value, "promotion")
        course.state, course.promoted_by = State.PROMOTED, who.name
        self.told.append((course.flag, "promoted", "console"))
