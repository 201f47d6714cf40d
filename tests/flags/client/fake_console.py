"""A console that does what a test tells it to: real sockets on loopback, bytes as they come."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from flags.client import FlagClient
from flags.declarations import Declaration, Declarations, Risk

TOKEN = "raxx_st_0123456789abcdef"
KEYS = ("a", "b", "c")
DECLARED: Declarations = {key: Declaration(key, False, Risk.LOW, 24.0, "text") for key in KEYS}


def entry(key: str, value: Any, **more: Any) -> dict[str, Any]:
    told = {"key": key, "value": value, "reason": "STATIC", "variant": "on" if value else "off"}
    return told | {"metadata": {"source": "db", "risk": "high"}} | more


def bulk(*entries: Any, etag: str = '"1"', **headers: str) -> bytes:
    body = json.dumps({"flags": list(entries)}).encode()
    return response(200, body, ETag=etag, **headers)


def response(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Console:
    """`answer` is bytes, or a function that does what it likes with the connection. `requests` has
    what came, the header's names in small letters."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.answer: bytes | Callable[[socket.socket], None] = response(500)
        self.requests: list[dict[str, str]] = []
        self.ends = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def says(self, **values: Any) -> None:
        """Answer with these values, and with 304 whoever knows them."""
        text = json.dumps(values)
        etag = '"' + "".join(char for char in text if char.isalnum()) + '"'
        known = bulk(*(entry(key, value) for key, value in values.items()), etag=etag)

        def answer(line: socket.socket) -> None:
            unchanged = self.requests[-1].get("if-none-match") == etag
            line.sendall(response(304, ETag=etag) if unchanged else known)

        self.answer = answer

    def close(self) -> None:
        self.ends.set()
        # Wakes a thread that waits in accept(), which closing does not.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        while not self.ends.is_set():
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        with suppress(OSError), self._tls.wrap_socket(line, True) if self._tls else line as line:
            self.requests.append(_read(line))
            answer = self.answer
            if isinstance(answer, bytes):
                line.sendall(answer)
            else:
                answer(line)


def _read(line: socket.socket) -> dict[str, str]:
    stream = line.makefile("rb")
    request = {"": stream.readline().decode().strip()}
    while (header := stream.readline().decode().strip()) != "":
        name, _, value = header.partition(":")
        request[name.lower()] = value.strip()
    request["body"] = stream.read(int(request.get("content-length", "0"))).decode()
    return request


@contextmanager
def console(tls: ssl.SSLContext | None = None) -> Iterator[Console]:
    running = Console(tls)
    try:
        yield running
    finally:
        running.close()


@contextmanager
def client_of(running: Console, **options: Any) -> Iterator[FlagClient]:
    """A client that asks every 0.1 seconds (a third of `max_age`), unless a test says otherwise."""
    given = {"url": running.url, "token": TOKEN, "declarations": DECLARED, "max_age": 0.3}
    client = FlagClient(**(given | options))
    try:
        yield client
    finally:
        client.close()
