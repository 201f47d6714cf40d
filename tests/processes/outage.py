"""The test's database behind something that a test can break, so that the test keeps its own.

On PostgreSQL that is a process which forwards a port; on SQLite a copy of the file.
"""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from tests.processes.server import ROOT, database_url, free_port


class Forwarder:
    """A port in front of PostgreSQL: killed, it refuses; stopped, it accepts and says nothing."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._port = free_port()
        host, port = _server()
        self._arguments = [str(self._port), host, str(port)]
        url = urlsplit(database_url())
        user = url.netloc.rpartition("@")[0]
        self.url = url._replace(netloc=f"{user}@127.0.0.1:{self._port}", query="").geturl()
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.processes.outage", *self._arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        if not self._process.stdout or not self._process.stdout.readline():
            raise RuntimeError("the forwarder did not start")

    def begin(self) -> None:
        if self._way == "refuses":
            self.stop()
        else:
            self._process.send_signal(signal.SIGSTOP)

    def end(self) -> None:
        if self._way == "refuses":
            self._start()
        else:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


class CopiedFile:
    """A copy of the SQLite file: gone from its place, or locked by someone else."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._path = Path(tempfile.mkdtemp(prefix="raxx-outage-")) / "copy.sqlite3"
        self._locker: sqlite3.Connection | None = None
        self.url = f"sqlite:///{self._path}"
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM INTO '{self._path}'")

    def begin(self) -> None:
        if self._way == "refuses":
            self._path.rename(self._path.with_suffix(".away"))
            return
        # Not in WAL mode, as a copy is: there, a writer keeps readers out.
        self._locker = sqlite3.connect(self._path, isolation_level=None)
        self._locker.execute("BEGIN EXCLUSIVE")

    def end(self) -> None:
        if self._locker:
            self._locker.close()
            self._locker = None
        else:
            self._path.with_suffix(".away").rename(self._path)

    def stop(self) -> None:
        if self._locker:
            self._locker.close()
        for file in self._path.parent.iterdir():
            file.unlink()
        self._path.parent.rmdir()


@contextmanager
def outage(way: str) -> Iterator[Forwarder | CopiedFile]:
    """A database that "refuses" or "does not answer" between `begin()` and `end()`. It starts with
    what the test's database has in it; `url` is where it is."""
    database = CopiedFile(way) if connection.vendor == "sqlite" else Forwarder(way)
    try:
        yield database
    finally:
        database.stop()


def _server() -> tuple[str, int]:
    """Host, or socket directory, and port of the test's PostgreSQL."""
    connection.ensure_connection()
    info = connection.connection.info
    return info.host, info.port


async def _forward(port: int, server: str, server_port: int) -> None:
    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if server.startswith("/"):
            path = os.path.join(server, f".s.PGSQL.{server_port}")
            from_server, to_server = await asyncio.open_unix_connection(path)
        else:
            from_server, to_server = await asyncio.open_connection(server, server_port)
        await asyncio.gather(pump(reader, to_server), pump(from_server, writer))

    async with await asyncio.start_server(accept, "127.0.0.1", port) as listener:
        print("ready", flush=True)
        await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(_forward(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
