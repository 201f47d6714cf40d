"""One HTTP request that has an end: whatever the other side does, it is over at its deadline.

The standard library's own timeouts are for one call of a socket each: a server that sends a byte
now and then holds a request for as long as it likes, and a name server that is silent is bounded by
none of them. Plain Python.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from flags.names import Names

MOST_BYTES = 4 * 1024 * 1024
"""A longer body is refused: ten thousand flags need less than half of it."""


class NoAnswer(Exception):
    """Nothing came back that could be read as an answer; the text says what did."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def post(
    names: Names,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tls: ssl.SSLContext | None,
    server_name: str,
    seconds: float,
) -> Answer:
    """POST over a connection of its own, which is closed then: answered within `seconds` or not at
    all. Redirects are not followed. Raises OSError and NoAnswer."""
    deadline = time.monotonic() + seconds
    sock = _connect(names, deadline)
    try:
        if tls is not None:
            sock.settimeout(_left(deadline))
            sock = tls.wrap_socket(sock, server_hostname=server_name)
        return _talk(_Line(sock, deadline), path, headers, body)
    except http.client.HTTPException as error:
        # Its text may have anything in it that was sent to us, or by us.
        raise NoAnswer(f"what came back is no HTTP ({type(error).__name__})") from None
    finally:
        sock.close()


def _talk(line: "_Line", path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    connection = http.client.HTTPConnection("-")
    connection.sock = line
    connection.request("POST", path, body, {**headers, "Connection": "close"})
    response = connection.getresponse()
    try:
        content = response.read(MOST_BYTES + 1)
    finally:
        response.close()
    if len(content) > MOST_BYTES:
        raise NoAnswer(f"the answer is longer than {MOST_BYTES} bytes")
    if response.length:
        raise NoAnswer("the answer broke off")
    return Answer(response.status, response.headers, content)


def _connect(names: Names, deadline: float) -> socket.socket:
    """To the first address that takes the connection; one that is silent leaves time for others."""
    found = names.find(deadline)
    failure: OSError = OSError("the console's host has no address")
    for nth, (family, kind, protocol, _, address) in enumerate(found):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left(deadline) / (len(found) - nth))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


class _Line:
    """As much of a socket as `http.client` uses, each call with what is left of the time."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(_left(self._deadline))
        self._sock.sendall(data)

    def receive(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Stream(self))

    def close(self) -> None:
        """The socket is closed by whoever opened it: the answer may be unread yet."""


class _Stream(io.RawIOBase):
    def __init__(self, line: _Line) -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._line.receive(buffer)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the console did not answer in time")
    return left
