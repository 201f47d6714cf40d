"""A flag's value over time, in each environment, as the audit log tells it (runbook section 4).

Plain data for `templates/flags/_timeline.html`, which draws it: places and widths are percent of
the picture's width, times are UTC.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings

from audit.models import AuditEntry
from flags.lanes import Lane, segments_of
from flags.ticks import Tick, ticks

MAX_CHANGES = 200
"""So many changes of each environment are drawn: the newest ones."""
_MIN_SPAN = timedelta(hours=1)
_LEAD = 0.08
"""What is drawn of the time before the first change, as a part of the time since."""
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Timeline:
    """All lanes on one scale, from `since` at the left edge to `until`, which is now."""

    since: datetime
    until: datetime
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]


def read_timeline(key: str, now: datetime) -> Timeline | None:
    """What the audit log tells of flag `key` until `now`, with one query. None: never flipped."""
    flips = AuditEntry.objects.filter(
        action="console.flag.flip", target_type="feature_flag", target_id=key
    )
    newest = [
        flips.filter(payload__env=env).order_by("-id").values("id")[: MAX_CHANGES + 1]
        for env in settings.ENVIRONMENTS
    ]
    # SQLite takes a limit in a subquery of a union, and none in the union's parts themselves.
    first, *others = [AuditEntry.objects.filter(pk__in=ids) for ids in newest]
    return timeline(first.union(*others, all=True).order_by("id"), settings.ENVIRONMENTS, now)


def timeline(entries: Iterable[AuditEntry], envs: Sequence[str], now: datetime) -> Timeline | None:
    """The picture of these flips of one flag, in the log's order: a lane per environment.

    The log's order is the order in which the values held. Clocks differ: an entry's time counts as
    no later than that of the next one, and the last one's as no later than `now`.
    """
    flips: dict[str, list[AuditEntry]] = {env: [] for env in envs}
    for entry in entries:
        flips[entry.payload["env"]].append(entry)
    shown = {env: found[-MAX_CHANGES:] for env, found in flips.items()}
    times = {env: _times(found, now) for env, found in shown.items()}
    if not any(times.values()):
        return None
    span = max(now - min(found[0] for found in times.values() if found), _MIN_SPAN)
    since = now - span * (1 + _LEAD)
    lanes = tuple(
        Lane(env, segments_of(shown[env], [since, *times[env], now]), len(flips[env]) > MAX_CHANGES)
        for env in envs
    )
    return Timeline(since, now, lanes, ticks(since, now))


def _times(entries: list[AuditEntry], now: datetime) -> list[datetime]:
    times: list[datetime] = []
    latest = now
    for entry in reversed(entries):
        latest = max(min(entry.created_at, latest), _EARLIEST)
        times.append(latest)
    return times[::-1]
