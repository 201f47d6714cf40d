"""Requests per second of OFREP's bulk endpoint under gunicorn with 2 workers, beside a Django view
that returns a constant.

A fresh, migrated database with FLAGS flags declared is in DATABASE_URL. All three are asked in
turn, in one run, over kept connections. The load is made by another process on the same machine,
so the ratio counts, and not the figure.
"""

import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.legs import ROOT
from tests.processes.server import free_port, gunicorn

OFREP_FLAGS = 200
WORKERS = 2
CONNECTIONS = 4
ROUNDS = 9
SECONDS = 1.5
BULK = "/ofrep/v1/evaluate/flags"
_BODY = b'{"context":{}}'


@dataclass
class Kind:
    """A request as bytes, the status that it must have, the least share of the constant view's
    requests per second, and what was measured of it."""

    name: str
    request: bytes
    status: int
    goal: float
    per_second: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)

    def shares_of(self, constant: "Kind") -> list[float]:
        """This one's requests per second by those of the constant view, round by round."""
        return [a / b for a, b in zip(self.per_second, constant.per_second, strict=True)]


def main() -> int:
    """1 where a share of the constant view's requests is below what was promised."""
    kinds = measured(dict(os.environ), ROUNDS, SECONDS)
    print(f"gunicorn, {WORKERS} workers, {CONNECTIONS} connections, {ROUNDS} rounds in turn")
    below = False
    for kind in kinds:
        shares = kind.shares_of(kinds[0])
        p99 = statistics.quantiles(kind.took, n=100)[98]
        is_below = statistics.median(shares) < kind.goal
        below |= is_below
        print(
            f"{kind.name:<14}{statistics.median(kind.per_second):8.0f} requests/s"
            f"{statistics.median(shares) * 100:7.0f} % of the constant"
            f"  ({min(shares) * 100:.0f} to {max(shares) * 100:.0f})"
            f"  p99 {p99 * 1000:6.1f} ms{f'  BELOW {kind.goal}' if is_below else ''}",
            flush=True,
        )
    return int(below)


def measured(surroundings: dict[str, str], rounds: int, seconds: float) -> list[Kind]:
    """The constant view first, then the bulk endpoint unchanged and whole, asked in turn."""
    surroundings = {
        **surroundings,
        "DJANGO_SETTINGS_MODULE": "tests.bench.constant_settings",
        "ALLOWED_HOSTS": "127.0.0.1",
        "OFREP_REQUESTS_PER_MINUTE": "0",
    }
    token = made_token(surroundings)
    with console(surroundings) as port:
        constant = Kind("constant view", request("/ofrep/constant", token), 200, 1.0)
        bulk = Kind("bulk, 200", request(BULK, token), 200, 0.5)
        with talking(port) as line:
            etag = header(ask(line, bulk.request)[1], b"ETag")
        unchanged = Kind("bulk, 304", request(BULK, token, **{"If-None-Match": etag}), 304, 0.7)
        kinds = [constant, unchanged, bulk]
        for _ in range(2):
            # Each worker has looked at everything once.
            for kind in kinds:
                measure(port, kind, min(0.5, seconds))
        for kind in kinds:
            kind.per_second.clear()
            kind.took.clear()
        for _ in range(rounds):
            for kind in kinds:
                measure(port, kind, seconds)
    return kinds


def made_token(surroundings: dict[str, str]) -> str:
    command = [sys.executable, "manage.py", "create_service_token", "bench", "--env", "staging"]
    done = subprocess.run(
        [*command, "--app", "bench"],
        cwd=ROOT,
        env=surroundings,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip().splitlines()[-1]


@contextmanager
def console(surroundings: dict[str, str]) -> Iterator[int]:
    """A console with WORKERS workers. Yields its port."""
    port = free_port()
    with gunicorn(
        *("raxxconsole.wsgi", "-c", "python:raxxconsole.gunicorn", "--workers", str(WORKERS)),
        port=port,
        surroundings=surroundings,
        answers_at=f"http://127.0.0.1:{port}/healthz",
        patience=30,
        log=subprocess.DEVNULL,
    ):
        yield port


def request(path: str, token: str, **headers: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "X-Forwarded-Proto: https",
        "Content-Type: application/json",
        f"Authorization: Bearer {token}",
        f"Content-Length: {len(_BODY)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + _BODY


@contextmanager
def talking(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield line


def ask(line: socket.socket, what: bytes) -> tuple[int, bytes]:
    """The status and the head of the answer, whose body is read to its end. Raises ConnectionError
    where the server hung up."""
    line.sendall(what)
    found = b""
    while b"\r\n\r\n" not in found:
        found += received(line)
    head, _, body = found.partition(b"\r\n\r\n")
    left = int(header(head, b"Content-Length") or "0") - len(body)
    while left > 0:
        left -= len(received(line))
    return int(head[9:12]), head


def received(line: socket.socket) -> bytes:
    found = line.recv(65536)
    if not found:
        raise ConnectionError("the server hung up")
    return found


def header(head: bytes, name: bytes) -> str:
    for text in head.split(b"\r\n"):
        if text.lower().startswith(name.lower() + b":"):
            return text.split(b":", 1)[1].strip().decode()
    return ""


def measure(port: int, kind: Kind, seconds: float) -> None:
    """Ask over CONNECTIONS connections for so long."""
    counts: list[int] = []
    began = time.monotonic()

    def run() -> None:
        count = 0
        with talking(port) as line:
            while time.monotonic() - began < seconds:
                asked = time.perf_counter()
                status, _ = ask(line, kind.request)
                kind.took.append(time.perf_counter() - asked)
                if status != kind.status:
                    raise RuntimeError(f"{kind.name}: {status}")
                count += 1
        counts.append(count)

    threads = [threading.Thread(target=run) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(counts) < CONNECTIONS:
        raise RuntimeError(f"{kind.name}: a connection failed")
    kind.per_second.append(sum(counts) / (time.monotonic() - began))


if __name__ == "__main__":
    sys.exit(main())
