"""A whole console of the tests' own: an SQLite file and the processes that work on it."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import trustme

from tests.processes import server


@dataclass(frozen=True)
class Deployment:
    """A database file, and the process environment of whatever works on it.

    In production's mode (DEBUG=0): TLS, `__Host-` cookies, hashed static files. `prepare` makes a
    certificate, and collects those files into a directory beside the database, by way of
    `tests.e2e.settings`, so that a test run writes nothing into the checkout.

    The browser leg has this database whatever TEST_DATABASE_URL says: its tests use no ORM, and
    what differs between databases is tested by the other legs.
    """

    database: Path
    certificate: Path
    extra: dict[str, str] = field(default_factory=dict)

    def environment(self, **extra: str) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "tests.e2e.settings",
            "DEBUG": "0",
            "SECRET_KEY": "only-for-browser-tests",
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": f"sqlite:///{self.database}",
            **self.extra,
            **extra,
        }

    def manage(self, *arguments: str, **extra: str) -> str:
        return server.manage(*arguments, **self.environment(**extra)).stdout

    def run(self, source: str) -> None:
        """Run this Python text to its end, with Django set up."""
        source = f"import django; django.setup()\n{source}"
        with server.program(source, **self.environment()) as process:
            process.communicate(timeout=60)
            assert process.returncode == 0

    def served(self, *, workers: int = 2, **extra: str) -> AbstractContextManager[str]:
        return server.web_server(
            workers=workers, certificate=self.certificate, **self.environment(**extra)
        )

    @contextmanager
    def served_for_development(self) -> Iterator[str]:
        """`manage.py runserver` under DEBUG, as `make run` starts it. Yields the base URL."""
        port = server.free_port()
        with subprocess.Popen(
            [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"],
            cwd=server.ROOT,
            env=server.environment(DATABASE_URL=f"sqlite:///{self.database}", DEBUG="1"),
            stdin=subprocess.DEVNULL,
        ) as process:
            try:
                server.wait_until_it_answers(process, f"http://127.0.0.1:{port}/healthz")
                yield f"http://127.0.0.1:{port}"
            finally:
                process.kill()

    def copy(self, directory: Path, **extra: str) -> "Deployment":
        """The same data in another file; `extra` for the environment of its processes."""
        copied = replace(self, database=directory / "copy.sqlite3", extra={**self.extra, **extra})
        shutil.copy(self.database, copied.database)
        return copied

    def restore(self, template: "Deployment") -> None:
        """Make the database equal to that of `template`, under the running processes."""
        with (
            closing(sqlite3.connect(template.database)) as source,
            closing(sqlite3.connect(self.database, timeout=20)) as target,
        ):
            source.backup(target)

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of this statement; what it changed is committed."""
        with closing(sqlite3.connect(self.database, timeout=20)) as connection, connection:
            return connection.execute(sql, parameters).fetchall()

    def flips(self) -> list[tuple[str, dict[str, Any]]]:
        """(actor, payload) of every flip in the audit log, oldest first."""
        rows = self.query(
            "SELECT actor, payload FROM console_audit_log"
            " WHERE action = 'console.flag.flip' ORDER BY id"
        )
        return [(actor, json.loads(payload)) for actor, payload in rows]

    def rows(self) -> dict[tuple[str, str], int]:
        """The value of every DB row, by (flag_key, env)."""
        rows = self.query("SELECT flag_key, env, value FROM console_feature_flags")
        return {(key, env): value for key, env, value in rows}


def prepare(directory: Path) -> Deployment:
    """A migrated database with declared flags and the demo operators, as `make run` makes it."""
    static = {"E2E_STATIC_ROOT": str(directory / "static")}
    certificate = directory / "certificate.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    deployment = Deployment(directory / "template.sqlite3", certificate, static)
    for command in (
        ("migrate", "--verbosity", "0"),
        ("sync_flags", "--env", "prod", "--env", "staging"),
        ("demo_operators",),
    ):
        deployment.manage(*command, DEBUG="1")
    deployment.manage("collectstatic", "--no-input", "--verbosity", "0")
    return deployment
