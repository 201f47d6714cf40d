"""Real processes for tests: management commands, Python programs and web servers.

All of them work on the database that the test works on, so their tests are `transaction=True`.
"""

import contextlib
import itertools
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil
from django.db import connection

_ANY_CERTIFICATE = ssl._create_unverified_context()
# Below the range of Linux's own choice; a hundred for each process of a run.
_FIRST_PORT = 10_000 + os.getpid() % 200 * 100
_PORTS = itertools.cycle(range(_FIRST_PORT, _FIRST_PORT + 100))
_SETTINGS = "tests.processes.settings"
ROOT = Path(__file__).resolve().parent.parent.parent


def database_url() -> str:
    """The URL of the database that this test works on."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    password = f":{quote(database['PASSWORD'], safe='')}" if database["PASSWORD"] else ""
    port = f":{database['PORT']}" if database["PORT"] else ""
    socket_directory = database["OPTIONS"].get("host")
    query = f"?host={quote(socket_directory, safe='')}" if socket_directory else ""
    return (
        f"postgres://{database['USER']}{password}@{database['HOST']}{port}"
        f"/{database['NAME']}{query}"
    )


def environment(**extra: str) -> dict[str, str]:
    """The environment of a staging deployment on the test's database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLAG_")}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "raxxconsole.settings",
        "ENV_FILE": os.devnull,
        "DEBUG": "1",
        "CONSOLE_ENV": "staging",
        "CONSOLE_ENVIRONMENTS": "prod,staging",
        "FLAG_CONSOLE_FEATURE_FLAGS_DB": "1",
        "DATABASE_URL": database_url(),
        "PYTHONUNBUFFERED": "1",
        **extra,
    }


def manage(*arguments: str, check: bool = True, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` with these arguments to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(**extra),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=check,
        timeout=120,
    )


@contextmanager
def program(
    source: str, *arguments: str, log: IO[str] | None = None, **extra: str
) -> Iterator[subprocess.Popen[str]]:
    """A Python program of this source text, its pipes open; ended when the block is left. What it
    logs goes to the file `log`, if there is one."""
    process = subprocess.Popen(
        [sys.executable, "-c", source, *arguments],
        cwd=ROOT,
        env=environment(**extra),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def free_port() -> int:
    """A port that nobody has. Not one of those that the system gives to whoever asks for any: a
    client, or a server of the test beside, could have it before it is bound."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port := next(_PORTS)))
            return port


def wait_until_it_answers(
    process: subprocess.Popen, url: str | urllib.request.Request, seconds: float = 30.0
) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=2, context=_ANY_CERTIFICATE):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer within {seconds} s")


@contextmanager
def gunicorn(
    *arguments: str,
    port: int,
    surroundings: dict[str, str],
    answers_at: str,
    patience: float = 20,
    log: IO[str] | int | None = None,
) -> Iterator[None]:
    """gunicorn with these arguments, listening on loopback, once it answers at this address; ended
    when the block is left, by force after `patience` seconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *arguments, "--bind", f"127.0.0.1:{port}"],
        cwd=ROOT,
        env=surroundings,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    try:
        wait_until_it_answers(process, answers_at)
        yield
    finally:
        workers = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            # Its workers would go on serving.
            for worker in workers:
                worker.kill()
            process.kill()
            process.wait()


@contextmanager
def web_server(
    *, workers: int = 2, certificate: Path | None = None, port: int | None = None, **extra: str
) -> Iterator[str]:
    """gunicorn as the Procfile starts it, on loopback, with cheap passwords. Yields the base URL.

    With a certificate (a PEM file with its key) it speaks TLS, as Heroku's router does before it.
    """
    port = port or free_port()
    tls = []
    if certificate:
        # A browser connects ahead of need, and gunicorn keeps a thread for each such connection.
        tls = ["--certfile", str(certificate), "--keyfile", str(certificate), "--threads", "32"]
    base = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    with gunicorn(
        *("raxxconsole.wsgi", "-c", "python:raxxconsole.gunicorn"),
        *("--workers", str(workers), "--graceful-timeout", "3", *tls),
        port=port,
        surroundings=environment(**{"DJANGO_SETTINGS_MODULE": _SETTINGS} | extra),
        answers_at=f"{base}/healthz",
    ):
        yield base
