"""How long a change takes until eight other processes see it: by `flip()`, by raw SQL, and with
nobody telling (FLAGS_PUSH=0).

A fresh, migrated PostgreSQL is in DATABASE_URL.
"""

import random
import statistics
from collections.abc import Callable

import django

KEY = "flag_0"
PROCESSES = 8
CHANGES = 500
SLOW_CHANGES = 8


def main() -> None:
    django.setup()
    from tests.processes import pushing, raw_sql
    from tests.processes.application import application
    from tests.processes.flipping import flip

    def by_sql(value: bool) -> None:
        raw_sql.set_row(KEY, int(value))

    def measure(
        name: str,
        change: Callable[[bool], object],
        count: int = CHANGES,
        pause: Callable[[], float] = lambda: random.uniform(0, 0.05),
        **extra: str,
    ) -> None:
        raw_sql.set_row(KEY, 0)
        with pushing.readers(KEY, PROCESSES, **extra) as readers:
            took = pushing.latencies(readers, change, count, pause=pause, patience=60)
        cuts = statistics.quantiles(took, n=100)
        print(
            f"{name:<24}{count:>5} changes  p50 {statistics.median(took) * 1000:8.1f} ms  "
            f"p99 {cuts[98] * 1000:8.1f} ms  max {max(took) * 1000:8.1f} ms",
            flush=True,
        )

    print(f"from before a change to a look each millisecond in each of {PROCESSES} processes")
    with application() as flipper:
        measure("flip()", lambda value: flipper.call(flip, KEY, value))
    measure("raw SQL", by_sql)
    measure(
        "raw SQL, FLAGS_PUSH=0",
        by_sql,
        SLOW_CHANGES,
        lambda: random.uniform(0, 10),
        FLAGS_PUSH="0",
    )


if __name__ == "__main__":
    main()
