"""The audit page on a short and on a long log, in one run and by turns: medians and their ratio.

    python -m tests.bench.page_bench [--rows 5000000] [--postgres] [--rounds 20]

Two databases are made, filled, and removed. Each is served by a process of its own.
"""

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

from tests.legs import ROOT, postgres_url

SHORT = 1_000
PAGES = {
    "first page": "",
    "action": "?action=console.flag.flip",
    "flag": "?flag=flag_0",
    "environment": "?env=prod",
    "actor": "?actor=operator-0",
    "channel": "?channel=sql",
    "30 days": "?since={month_ago}",
    "a rare flag": "?flag=flag_13",
    "two filters": "?env=prod&actor=operator-0",
    "incident": "?q=INC-7",
    "request id": "?q=request-700",
    "a name": "?q=operator-0",
    "part of a word": "?q=perator-1",
    "nothing": "?q=no-such-thing",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--serve", metavar="ROWS", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve)
        return 0
    with ExitStack() as stack:
        urls = stack.enter_context(databases(asked.postgres))
        logs = [
            (rows, stack.enter_context(serving(url, rows)))
            for rows, url in zip((SHORT, asked.rows), urls, strict=True)
        ]
        for rows, server in logs:
            print(f"{rows:>10,} rows filled in {server.stdout.readline().strip()} s", flush=True)
        measure(logs, asked.rounds)
    return 0


def measure(logs: list, rounds: int) -> None:
    for page in PAGES:
        times, shown = {rows: [] for rows, _ in logs}, {}
        for _ in range(rounds):
            for rows, server in logs:
                server.stdin.write(f"{page}\n")
                server.stdin.flush()
                taken, shown[rows] = server.stdout.readline().split()
                times[rows].append(float(taken))
        # The first of each is a warm-up.
        short, long = (statistics.median(taken[1:]) * 1000 for taken in times.values())
        ratio, entries = f"x{long / short:.2f}", " and ".join(shown.values())
        print(f"{page:<16}{short:8.1f} ms{long:8.1f} ms   {ratio}  entries: {entries}", flush=True)


@contextmanager
def databases(postgres: bool) -> Iterator[list[str]]:
    """The addresses of two empty databases."""
    if not postgres:
        with tempfile.TemporaryDirectory(prefix="raxx-bench-") as directory:
            yield [f"sqlite:///{Path(directory) / name}" for name in ("short.db", "long.db")]
        return
    import psycopg2

    with postgres_url() as url:
        server = psycopg2.connect(url)
        server.autocommit = True
        names = ("bench_short", "bench_long")
        with server.cursor() as cursor:
            for name in names:
                cursor.execute(f"CREATE DATABASE {name}")
            host, _, options = url.partition("?")
            base = host.rpartition("/")[0]
            yield [f"{base}/{name}?{options}" for name in names]
            for name in names:
                cursor.execute(f"DROP DATABASE {name}")
        server.close()


@contextmanager
def serving(url: str, rows: int) -> Iterator[subprocess.Popen]:
    """A process that answers each name of a page with the seconds that the page took."""
    command = [sys.executable, "-m", "tests.bench.page_bench", "--serve", str(rows)]
    env = {**os.environ, "TEST_DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    pipe = subprocess.PIPE
    server = subprocess.Popen(command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, text=True)
    try:
        yield server
    finally:
        server.stdin.close()
        server.wait(60)


def serve(rows: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.utils import timezone

    from accounts.roles import Role
    from tests.bench.fill_log import fill
    from tests.conftest import client_of, make_user

    logging.disable()
    call_command("migrate", verbosity=0)
    started = time.monotonic()
    fill(rows)
    print(round(time.monotonic() - started, 1), flush=True)
    client = client_of(make_user("bench", Role.OPS))
    month_ago = (timezone.now() - timedelta(days=29)).date()
    for line in sys.stdin:
        page = f"/console/audit{PAGES[line.strip()].format(month_ago=month_ago)}"
        started = time.perf_counter()
        response = client.get(page)
        taken = time.perf_counter() - started
        assert response.status_code == 200, page
        print(taken, response.content.count(b'<pre class="payload">'), flush=True)


if __name__ == "__main__":
    sys.exit(main())
