"""How long a change takes until eight other processes see it: by `flip()`, by raw SQL, and with
nobody telling (FLAGS_PUSH=0).

A fresh, migrated PostgreSQL is in DATABASE_URL.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable

import django

KEY, OTHER = "flag_0", "flag_1"
GOAL_SECONDS = 0.25
BOUND_SECONDS = 30.0
PROCESSES = 8
CHANGES = 500
SLOW_CHANGES = 8


def main() -> int:
    """1 where a figure is not what was promised."""
    django.setup()
    from tests.processes.application import application
    from tests.processes.flipping import flip

    print(f"from before a change to a look each millisecond in each of {PROCESSES} processes")
    with application() as flipper:
        late = measure("flip()", lambda value: flipper.call(flip, KEY, value))
    late |= measure("raw SQL", by_sql)
    late |= measure("raw SQL, two at once", two_by_sql)
    late |= measure(
        "raw SQL, FLAGS_PUSH=0",
        by_sql,
        SLOW_CHANGES,
        lambda: random.uniform(0, 10),
        goal=BOUND_SECONDS,
        FLAGS_PUSH="0",
    )
    return int(late)


def measure(
    name: str,
    change: Callable[[bool], object],
    count: int = CHANGES,
    pause: Callable[[], float] = lambda: random.uniform(0, 0.05),
    *,
    goal: float = GOAL_SECONDS,
    **extra: str,
) -> bool:
    """Print how long it took. Whether p99 is over the goal."""
    from tests.processes import pushing, raw_sql

    raw_sql.set_row(KEY, 0)
    with pushing.readers(KEY, PROCESSES, **extra) as readers:
        took = pushing.latencies(readers, change, count, pause=pause, patience=60)
    p99 = statistics.quantiles(took, n=100)[98]
    print(
        f"{name:<24}{count:>5} changes  p50 {statistics.median(took) * 1000:8.1f} ms  "
        f"p99 {p99 * 1000:8.1f} ms  max {max(took) * 1000:8.1f} ms"
        f"{f'  OVER {goal} s' if p99 > goal else ''}",
        flush=True,
    )
    return p99 > goal


def by_sql(value: bool) -> None:
    from tests.processes import raw_sql

    raw_sql.set_row(KEY, int(value))


def two_by_sql(value: bool) -> None:
    """The change of another flag just before it: its rows are on their way when this one comes."""
    from tests.processes import raw_sql

    raw_sql.set_row(OTHER, int(value))
    time.sleep(random.uniform(0.002, 0.04))
    raw_sql.set_row(KEY, int(value))


if __name__ == "__main__":
    sys.exit(main())
