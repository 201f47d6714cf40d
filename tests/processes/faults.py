"""A network with faults between a test's processes and PostgreSQL: a proxy in a process of its own.

It forwards bytes until it is told otherwise: to refuse, to swallow, to be slow, to cut what is
open, or to lose exactly the answer to one COMMIT, which it finds in the wire protocol.
"""

import asyncio
import json
import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

from django.db import connection

from tests.processes.server import ROOT, database_url, free_port

# A simple query that is all of COMMIT, and the server's word that it is done. Both are so short,
# and come after so long a silence, that they are read in one piece.
_COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
_DONE = b"C\x00\x00\x00\x0bCOMMIT\x00"
# Sessions are written in transactions, too: the one whose answer gets lost has an audit row.
_AUDITED = b'INSERT INTO "console_audit_log"'


class Faults:
    """The test's hand on the proxy; `url` is the test's database behind it."""

    def __init__(self) -> None:
        connection.ensure_connection()
        info = connection.connection.info
        port = free_port()
        url = urlsplit(database_url())
        user = url.netloc.rpartition("@")[0]
        self.url = url._replace(netloc=f"{user}@127.0.0.1:{port}", query="").geturl()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.processes.faults", str(port), info.host, str(info.port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()

    def forward(self) -> None:
        """Be a network without faults again. What was swallowed is not made up for: connections
        that lost something stay silent for ever."""
        self._tell("forward")

    def refuse(self) -> None:
        """Nobody listens, and what was open is cut."""
        self._tell("refuse")

    def swallow(self) -> None:
        """A black hole: connections are made, everything is read, nothing is passed on, either
        way, nor is it told that one side has hung up."""
        self._tell("swallow")

    def delay(self, seconds: float) -> None:
        """Each answer of the server comes so much later."""
        self._tell("delay", seconds)

    def cut(self) -> None:
        """Cut every open connection, once."""
        self._tell("cut")

    def lose_commit(
        self, *, reached: bool, silent: bool, then: str = "forward", late: float = 0.0
    ) -> None:
        """Lose the answer to the next COMMIT of a transaction with an audit row.

        `reached`: the server gets the COMMIT, does it and answers; else it never hears of it and
        goes on believing in the session. The client is left in silence, or is cut off. `then` is
        what the network does from that moment on. `late` is how many seconds a COMMIT that reaches
        the server is under way.
        """
        self._tell("lose_commit", reached, silent, then, late)

    def lost_commits(self) -> int:
        """How many answers were lost so far."""
        return int(self._tell("lost"))

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _tell(self, *order: Any) -> Any:
        if self._process.stdin is None:
            raise RuntimeError("the proxy has no ears")
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("the proxy has ended")
        return json.loads(line)


class _Proxy:
    def __init__(self, port: int, server: str, server_port: int) -> None:
        self._port, self._server, self._server_port = port, server, server_port
        self.lines: set[_Line] = set()
        self.listener: asyncio.Server | None = None
        self.swallows = False
        self.seconds = 0.0
        self.fault: tuple[bool, bool, str, float] | None = None
        self.lost = 0

    async def obey(self, order: str, *details: Any) -> Any:
        if order == "cut":
            self._cut()
        elif order == "lose_commit":
            self.fault = (details[0], details[1], details[2], details[3])
        elif order != "lost":
            await self.become(order, *details)
        return self.lost

    async def become(self, mode: str, seconds: float = 0.0) -> None:
        self.swallows, self.seconds = mode == "swallow", seconds
        if mode == "refuse":
            if self.listener:
                self.listener.close()
            self.listener = None
            self._cut()
        elif self.listener is None:
            self.listener = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    def _cut(self) -> None:
        for line in list(self.lines):
            line.cut()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server.startswith("/"):
            path = os.path.join(self._server, f".s.PGSQL.{self._server_port}")
            from_server, to_server = await asyncio.open_unix_connection(path)
        else:
            from_server, to_server = await asyncio.open_connection(self._server, self._server_port)
        line = _Line(self, writer, to_server)
        self.lines.add(line)
        up, down = line.up(reader), line.down(from_server)
        await asyncio.gather(up, down, return_exceptions=True)
        self.lines.discard(line)


class _Line:
    """One connection through the proxy."""

    def __init__(
        self, proxy: _Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter
    ) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._audited = self._is_lost = False
        self._awaits_commit: tuple[bool, str] | None = None

    def cut(self) -> None:
        self._client.transport.abort()
        self._server.transport.abort()

    async def up(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65536):
            self._is_lost |= self._proxy.swallows
            if self._is_lost:
                continue
            self._audited |= _AUDITED in data
            if _COMMIT in data:
                if self._audited and self._proxy.fault:
                    reached, silent, then, late = self._proxy.fault
                    self._proxy.fault = None
                    if late:
                        asyncio.get_running_loop().call_later(late, self._server.write, data)
                    if late or not reached:
                        await self._lose(silent, then)
                        continue
                    self._awaits_commit = silent, then
                self._audited = False
            self._server.write(data)
            await self._server.drain()
        if not self._is_lost:
            self._server.close()

    async def down(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65536):
            if self._awaits_commit and _DONE in data:
                silent, then = self._awaits_commit
                self._awaits_commit = None
                await self._lose(silent, then)
            if self._proxy.seconds:
                await asyncio.sleep(self._proxy.seconds)
            self._is_lost |= self._proxy.swallows
            if not self._is_lost:
                self._client.write(data)
                await self._client.drain()
        if not self._is_lost:
            self._client.close()

    async def _lose(self, silent: bool, then: str) -> None:
        self._is_lost = True
        self._proxy.lost += 1
        if not silent:
            self._client.transport.abort()
        if then != "forward":
            await self._proxy.become(then)


async def _main(port: int, server: str, server_port: int) -> None:
    proxy = _Proxy(port, server, server_port)
    orders = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    await proxy.become("forward")
    print(json.dumps("ready"), flush=True)
    while line := await orders.readline():
        print(json.dumps(await proxy.obey(*json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
