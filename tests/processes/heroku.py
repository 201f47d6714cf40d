"""A deployment as Heroku makes one: a slug, a database, config vars, and the Procfile's own lines.

The slug is a copy of what runs, in which static files were collected; so nothing is written into
the checkout, and no setting differs from production's. honcho runs a line of the Procfile in it.
"""

import http.client
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import Request

import psycopg2

from tests.processes.server import ROOT, database_url, free_port, wait_until_it_answers

HOST = "raxx-console-staging.herokuapp.com"
THROUGH_ROUTER = {
    "Host": HOST,
    "X-Forwarded-For": "198.51.100.7",
    "X-Forwarded-Proto": "https",
    # Not the router's but the browser's: over TLS, Django asks where a form was.
    "Origin": f"https://{HOST}",
}
# What nothing that the Procfile starts reads, and what a developer's own console left here.
_LEFT_OUT = shutil.ignore_patterns(".*", "db.sqlite3*", "staticfiles", "docs", "tests")
_BIN = Path(sys.executable).parent


class Fetched(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True)
class Deployment:
    """The slug of an app and its config vars, beside which its processes have PATH alone."""

    slug: Path
    config: dict[str, str]

    def with_config(self, **config: str) -> "Deployment":
        return replace(self, config=self.config | config)

    def manage(self, *arguments: str) -> str:
        """What `manage.py` says in a dyno of its own; it must work."""
        done = self._run("python", "manage.py", *arguments)
        if done.returncode:
            raise RuntimeError(done.stdout)
        return done.stdout

    def release(self) -> subprocess.CompletedProcess[str]:
        """The Procfile's release line, to its end."""
        return self._run(*_honcho("release"))

    @contextmanager
    def web(self) -> Iterator["Web"]:
        """The Procfile's web line, on loopback."""
        port = free_port()
        log = self.slug / f"web-{port}.log"
        served = self.with_config(BIND_HOST="127.0.0.1", PORT=str(port))
        with log.open("w") as file:
            honcho = subprocess.Popen(
                _honcho("web"),
                cwd=self.slug,
                env=served._environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        web = Web(honcho, port, log)
        try:
            wait_until_it_answers(honcho, Request(f"{web.base}/healthz", headers={"Host": HOST}))
            yield web
        finally:
            web.end()

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.slug,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )

    def _environment(self) -> dict[str, str]:
        path = f"{_BIN}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "PYTHONUNBUFFERED": "1", **self.config}


@dataclass(frozen=True)
class Web:
    """A running web process."""

    honcho: subprocess.Popen
    port: int
    log: Path

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fetch(self, path: str, **headers: str) -> Fetched:
        """The answer to a GET; redirects are not followed."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as server:
            server.request("GET", path, headers=headers)
            answer = server.getresponse()
            return Fetched(answer.status, answer.headers, answer.read())

    def is_refusing(self) -> bool:
        """Whether nobody listens on the port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) != 0

    def stop(self) -> None:
        """SIGTERM, which honcho gives to all processes, as Heroku does."""
        self.honcho.terminate()

    def ended_with(self, *, within: float) -> int:
        """The exit code of the line, within so many seconds (honcho's own tells the signal)."""
        self.honcho.wait(within)
        return int(self._told(r"stopped \(rc=(-?\d+)\)"))

    def end(self) -> None:
        """Whatever happened, nothing is left running."""
        self.stop()
        try:
            self.honcho.wait(40)
        except subprocess.TimeoutExpired:
            # The line is the leader of a process group of its own.
            os.killpg(int(self._told(r"started \(pid=(\d+)\)")), signal.SIGKILL)
            self.honcho.wait(10)

    def _told(self, pattern: str) -> str:
        log = self.log.read_text()
        found = re.search(r"web\.1 " + pattern, log)
        if found is None:
            raise LookupError(log)
        return found[1]


def _honcho(process_type: str) -> list[str]:
    command = [sys.executable, "-m", "honcho", "start", "--no-colour", "-f", "Procfile"]
    return [*command, process_type]


@contextmanager
def empty_database() -> Iterator[str]:
    """The URL of a new database on the test's PostgreSQL server, dropped afterwards."""
    name = f"raxx_deployment_{secrets.token_hex(4)}"
    with closing(psycopg2.connect(database_url())) as server, server.cursor() as cursor:
        server.autocommit = True
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield urlsplit(database_url())._replace(path=f"/{name}").geturl()
        finally:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def build(directory: Path, database: str) -> Deployment:
    """What Heroku's build makes, for staging: a slug, with static files collected."""
    slug = directory / "slug"
    shutil.copytree(ROOT, slug, ignore=_LEFT_OUT)
    config = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "AUDIT_SIGNING_KEY": secrets.token_urlsafe(32),
        "ALLOWED_HOSTS": HOST,
        "CONSOLE_ENV": "staging",
        "DATABASE_URL": database,
        "ENV_FILE": os.devnull,
        "FLAG_CONSOLE_FEATURE_FLAGS_DB": "1",
        "HEROKU_APP_NAME": "raxx-console-staging",
    }
    deployment = Deployment(slug, config)
    deployment.manage("collectstatic", "--no-input")
    return deployment
