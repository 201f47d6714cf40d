"""How much happened on each day: the picture above the audit log."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Func, QuerySet
from django.db.models.sql.compiler import SQLCompiler

from audit.filters import within
from audit.models import AuditEntry
from audit.search import Search

DAYS = 30
COUNTED = 10_000
# The picture's own units; the style sheet gives it its size.
STEP, HEIGHT, _LEAST = 10, 60, 3


class UtcDay(Func):
    """The day of a moment as YYYY-MM-DD.

    Django's own way calls a Python function for each row on SQLite.
    """

    output_field = CharField()

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        return super().as_sql(
            compiler, connection, template="substr(%(expressions)s, 1, 10)", **extra
        )

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        template = "(%(expressions)s AT TIME ZONE 'UTC')::date"
        return super().as_sql(compiler, connection, template=template, **extra)


@dataclass(frozen=True, slots=True)
class Bar:
    """A day. `number` is None where it was not counted, and a least number where `is_cut`."""

    day: date
    number: int | None
    is_cut: bool
    x: int
    height: int

    @property
    def y(self) -> int:
        return HEIGHT - self.height

    @property
    def kind(self) -> str:
        return "uncounted" if self.number is None else "cut" if self.is_cut else "whole"

    def __str__(self) -> str:
        if self.number is None:
            return f"{self.day:%-d %b}: not counted"
        return f"{self.day:%-d %b}: {'at least ' if self.is_cut else ''}{self.number:,}"


@dataclass(frozen=True, slots=True)
class Activity:
    """`cut` is the day that the newest COUNTED entries end within, where they do."""

    bars: tuple[Bar, ...]
    cut: date | None

    @property
    def width(self) -> int:
        return STEP * len(self.bars)

    @property
    def total(self) -> int:
        return sum(bar.number or 0 for bar in self.bars)

    @property
    def busiest(self) -> Bar:
        return max(self.bars, key=lambda bar: bar.number or 0)


def activity(entries: QuerySet[AuditEntry], found: Search, last: date) -> Activity:
    """The DAYS up to `last` of those `entries`, which are in page order, that were found.

    However many there are, the newest COUNTED alone are counted.
    """
    first = date.fromordinal(max(last.toordinal() - DAYS + 1, 1))
    counts = _counts(found.newest(within(entries, first, last), COUNTED + 1))
    cut = min(counts) if sum(counts.values()) > COUNTED else None
    most = max(counts.values(), default=0)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    bars = []
    for place, day in enumerate(days):
        # Nothing is known of a day before the cut: it is not drawn as a quiet one.
        number = None if cut and day < cut else counts.get(day, 0)
        height = HEIGHT if number is None else _height(number, most)
        bars.append(Bar(day, number, day == cut, place * STEP, height))
    return Activity(tuple(bars), cut)


def _height(number: int, most: int) -> int:
    return max(_LEAST, round(number * HEIGHT / most)) if number else 0


def _counts(entries: QuerySet[AuditEntry]) -> dict[date, int]:
    days = entries.annotate(day=UtcDay("created_at")).values("day")[: COUNTED + 1]
    connection = connections[entries.db]
    inner, params = days.query.get_compiler(connection=connection).as_sql()
    with connection.cursor() as cursor:
        # Django groups no query that has a limit.
        cursor.execute(f"SELECT day, COUNT(*) FROM ({inner}) AS newest GROUP BY day", params)  # noqa: S608
        return {date.fromisoformat(str(day)): number for day, number in cursor.fetchall()}
