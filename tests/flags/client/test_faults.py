"""A load is over at its deadline, whatever the other side does, and the last values stay."""

import socket
import ssl
import threading
import time

import pytest
import trustme

from flags.client import exchange
from flags.client.address import parse
from flags.client.exchange import MOST_BYTES
from flags.client.source import ConsoleSource
from tests.flags.client.fake_console import DECLARED, TOKEN, bulk, console, entry
from tests.timed import in_time

SECONDS = 0.5


@pytest.fixture
def server():
    with console() as running:
        yield running


def source_of(url: str, **options) -> ConsoleSource:
    return ConsoleSource(parse(url, TOKEN), DECLARED, seconds=SECONDS, **options)


def failure(source: ConsoleSource) -> Exception:
    """What a load raises, in time and without the token."""
    with pytest.raises(Exception) as failed:
        took = time.monotonic()
        source.load()
    took = time.monotonic() - took
    assert TOKEN not in f"{failed.value!r} {failed.value}"
    # Less than `drip` takes.
    with in_time():
        assert took < 3 * SECONDS
    return failed.value


def drip(text: bytes, again: bytes):
    def answer(line: socket.socket) -> None:
        line.sendall(text)
        deadline = time.monotonic() + 4 * SECONDS
        while time.monotonic() < deadline:
            line.sendall(again)
            time.sleep(0.02)

    return answer


SLOW = {
    "says nothing": drip(b"", b""),
    "drips a status line": drip(b"HTTP/1.1 200 ", b"O"),
    "drips a header": drip(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "drips headers": drip(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n"),
    "drips a body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "),
    "drips chunks": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "drips an endless body": drip(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    "says go on for ever": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
def test_a_slow_console_holds_a_load_no_longer_than_its_deadline(server, answer):
    server.answer = answer
    failure(source_of(server.url))


GARBAGE = {
    "hangs up": b"",
    "no HTTP": b"SSH-2.0-OpenSSH\r\n" + TOKEN.encode(),
    "a status line with more": b"HTTP/1.1 2x0 " + TOKEN.encode() + b"\r\n\r\n",
    "an endless line": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200 + b"\r\n",
    "a body that breaks off": b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"flags":[]}',
    "chunks that break off": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nx",
    "chunks that are none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx",
    "no JSON": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
    "a compressed body": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08",
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_answer_is_a_failure(server, answer):
    server.answer = answer
    failure(source_of(server.url))


def test_a_body_that_never_ends_is_given_up_after_four_mebibytes(server):
    sent = []

    def answer(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(1000):
            line.sendall(b" " * 100_000)
            sent.append(100_000)

    server.answer = answer
    source = ConsoleSource(parse(server.url, TOKEN), DECLARED)
    with pytest.raises(exchange.NoAnswer, match="longer than"):
        source.load()
    assert sum(sent) < 4 * MOST_BYTES


def test_ten_thousand_flags_are_no_long_answer(server):
    entries = [entry(f"a_flag_with_a_name_of_usual_length_{n}", True) for n in range(10_000)]
    server.answer = bulk(*entries, entry("a", True))
    assert ConsoleSource(parse(server.url, TOKEN), DECLARED).load() == {"a": True}


def test_nobody_at_home_is_a_failure():
    with console() as gone:
        url = gone.url
    assert isinstance(failure(source_of(url)), OSError)


def test_a_machine_that_takes_no_connection_is_given_up():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(8)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        time.sleep(0.05)
        assert isinstance(failure(source_of(f"http://127.0.0.1:{port}")), TimeoutError)
        for sock in waiting:
            sock.close()


def test_the_next_address_is_tried_after_one_that_is_silent(server, monkeypatch):
    server.says(a=True)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        closed = deaf.getsockname()
    good = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", server.port))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: [(*good[:4], closed), good])
    assert source_of(server.url).load() == {"a": True}


def test_a_silent_name_server_is_bounded_too_and_asked_once_at_a_time(server, monkeypatch):
    server.says(a=True)
    answers, asked = threading.Event(), []
    found = socket.getaddrinfo("127.0.0.1", server.port, type=socket.SOCK_STREAM)

    def silent(*arguments, **options):
        asked.append(arguments)
        answers.wait(20)
        return found

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    source = source_of("http://localhost:1")
    for _ in range(2):
        assert "no name server" in str(failure(source))
    assert len(asked) == 1
    answers.set()
    assert source.load() == {"a": True}


def test_a_name_that_nobody_has_is_a_failure(monkeypatch):
    def unknown(*arguments, **options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert isinstance(failure(source_of("http://localhost:1")), OSError)


@pytest.fixture
def authority():
    return trustme.CA()


def test_over_tls_the_certificate_counts(authority):
    context, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(trusting)
    with console(context) as server:
        server.says(a=True)
        url = f"https://localhost:{server.port}"
        assert source_of(url, tls=trusting).load() == {"a": True}
        assert isinstance(failure(source_of(url)), ssl.SSLError)
        # The right authority, another host's name.
        elsewhere = source_of(f"https://127.0.0.1:{server.port}", tls=trusting)
        assert isinstance(failure(elsewhere), ssl.SSLError)
        assert len(server.requests) == 1


def test_a_tls_handshake_that_never_ends_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        failure(source_of(f"https://localhost:{mute.getsockname()[1]}"))
