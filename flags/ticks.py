"""Where a time axis is marked, and with which words: hours, days or months, by its span."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MOST = 8
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_MINUTES = (10, 30, 60, 180, 360, 720, 1440, 2880, 10080, 20160)
_MONTHS = (1, 3, 6, 12, 24, 60, 120, 240)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the axis. `x` in percent of its width; `is_extra`: left out on a phone."""

    x: float
    label: str
    is_extra: bool


def ticks(since: datetime, until: datetime) -> tuple[Tick, ...]:
    """At most 8 marks at round UTC times between the two, which must differ."""
    span = until - since
    places = [
        (round(100 * ((time - since) / span), 2), label) for time, label in _marks(since, until)
    ]
    ticks = []
    free_from = 0.0
    for x, label in places:
        # "now" stands at the right edge; on a phone a letter is some 2 % of the width.
        half = len(label)
        fits = free_from <= x - half and x + half <= 91
        if fits:
            free_from = x + half + 2
        if 4 <= x <= 92:
            ticks.append(Tick(x, label, not fits))
    return tuple(ticks)


def _marks(since: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
    for step in (timedelta(minutes=minutes) for minutes in _MINUTES):
        if (until - since) / step <= _MOST:
            yield from _every(step, since, until)
            return
    yield from _monthly(since, until)


def _every(step: timedelta, since: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
    clock = " %H:%M" if step < timedelta(days=1) else ""
    time = _MONDAY + ((since - _MONDAY) // step + 1) * step
    while time <= until:
        yield time, f"{time.day} {time.strftime('%b' + clock)}"
        time += step


def _monthly(since: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
    first, last = (time.year * 12 + time.month - 1 for time in (since, until))
    fitting = (months for months in _MONTHS if (last - first) / months <= _MOST)
    step = next(fitting, _MONTHS[-1])
    for month in range((first // step + 1) * step, last + 1, step):
        time = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        yield time, time.strftime("%Y" if step >= 12 else "%b %Y")
