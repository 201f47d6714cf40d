"""`FlagClient`: what answers when, with the console there, away and back."""

import asyncio
import logging
import threading
import time

import pytest

from flags import declarations
from flags.client import FlagClient, Layer, UndeclaredFlag
from flags.client.source import ConsoleSource
from flags.declarations import DeclarationsError
from flags.values import Values
from tests.flags.client.fake_console import DECLARED, TOKEN, client_of, console, response
from tests.flags.test_store import eventually, seconds_of
from tests.processes.server import ROOT, program
from tests.timed import in_time


@pytest.fixture
def server():
    with console() as running:
        yield running


def black_hole(line) -> None:
    time.sleep(3)


def test_the_hot_path_is_the_dictionarys_own_method(server):
    server.says(a=True)
    with client_of(server) as flags:
        assert flags.is_on.__name__ == "__getitem__"
        assert isinstance(flags.is_on.__self__, Values)
        assert flags.is_on("a") is True


def test_a_flip_is_seen_within_the_interval(server):
    server.says(a=False)
    with client_of(server) as flags:
        assert flags.is_on("a") is False
        server.says(a=True)
        assert eventually(lambda: flags.is_on("a"))


def test_the_usual_interval_leaves_room_for_the_consoles_own_delay(server):
    with FlagClient(server.url, TOKEN, DECLARED) as flags:
        source = flags._store.source
        assert isinstance(source, ConsoleSource)
        # A question is asked at the latest so long after the last one, and 5 s later it is over.
        assert flags._store._keeper._interval == 10
        assert source.pause(10, 0) <= 10


def test_fallbacks_are_the_last_answer_then_the_environment_then_the_yaml(server, monkeypatch):
    monkeypatch.setenv("FLAG_A", "on")
    monkeypatch.setenv("FLAG_B", "on")
    with client_of(server) as flags:
        assert [flags.is_on(key) for key in "abc"] == [True, True, False]
        assert flags.explain("a").source == Layer.ENV
        assert flags.age is None
        assert flags.is_failing
        server.says(a=False)
        assert eventually(lambda: not flags.is_on("a"))
        known = flags.explain("a")
        assert (known.source, known.layers) == (
            Layer.CONSOLE,
            {"console": False, "env": True, "yaml": False},
        )
        assert (known.console_source, known.risk) == ("db", "high")
        assert flags.explain("b").source == Layer.ENV
        assert (flags.explain("c").source, flags.explain("c").risk) == (Layer.YAML, "low")
        server.answer = response(500)
        assert eventually(lambda: flags.is_failing)
        assert flags.is_on("a") is False


@pytest.mark.parametrize("away", [b"", response(500), response(401), black_hole])
def test_while_the_console_is_away_its_last_answer_stays_and_ages(server, away, caplog):
    caplog.set_level(logging.INFO)
    server.says(a=True)
    with client_of(server) as flags:
        assert flags.is_on("a")
        server.answer = away
        time.sleep(0.6)
        assert flags.is_on("a")
        assert flags.age > 0.3
        assert flags.explain("a").source == Layer.CONSOLE
    assert sum("keep their last known values" in line for line in caplog.messages) <= 1
    assert TOKEN not in caplog.text


def test_a_console_that_comes_back_is_heard_and_that_is_said_once(server, caplog):
    caplog.set_level(logging.INFO)
    server.says(a=False)
    with client_of(server) as flags:
        flags.begin()
        assert eventually(lambda: flags.age is not None)
        server.answer = b""
        assert eventually(lambda: flags.is_failing)
        time.sleep(0.3)
        server.says(a=True)
        assert eventually(lambda: flags.is_on("a"))
        assert eventually(lambda: flags.age < 0.2)
    assert [line for line in caplog.messages if "flags of" in line] == [
        f"flags of {server.url} keep their last known values: "
        "what came back is no HTTP (RemoteDisconnected)",
        f"flags of {server.url} are read again",
    ]


def test_the_first_read_waits_two_seconds_at_most_and_no_later_one(server):
    server.answer = black_hole
    with client_of(server) as flags:
        first = seconds_of(lambda: flags.is_on("a"))
        later = seconds_of(lambda: [flags.is_on(key) for key in "abc"])
    assert first > 1.9
    with in_time():
        assert first < 4
        assert later < 1.5


def test_an_undeclared_key_is_false_with_one_line_or_raises(server, caplog):
    server.says(elsewhere=True)
    with client_of(server) as flags:
        assert [flags.is_on("elsewhere") for _ in range(3)] == [False] * 3
        assert sum("elsewhere" in line for line in caplog.messages) == 1
        with pytest.raises(UndeclaredFlag):
            flags.explain("elsewhere")
    with (
        client_of(server, strict=True) as strict,
        pytest.raises(UndeclaredFlag, match="elsewhere"),
    ):
        strict.is_on("elsewhere")


def test_declarations_are_a_path_or_read_already_or_those_that_came_with_the_package(tmp_path):
    url = "https://console.example.com"
    path = tmp_path / "flags.yaml"
    path.write_text("x:\n  default: true\n  description: text\n  risk: low\n")
    for given in (str(path), path, declarations.load(path)):
        assert list(FlagClient(url, TOKEN, given).declarations) == ["x"]
    assert "console_flag_mgmt" in FlagClient(url, TOKEN).declarations
    path.write_text("x: 1\n")
    with pytest.raises(DeclarationsError):
        FlagClient(url, TOKEN, path)


def test_the_entries_of_the_example_service_are_the_consoles():
    console = declarations.load(declarations.SHIPPED)
    example = declarations.load(ROOT / "examples/raptor-fastapi/feature_flags.yaml")
    assert example
    assert dict(example) == {key: console[key] for key in example}


def test_the_age_counts_from_when_the_console_read_its_rows(server):
    server.answer = lambda line: line.sendall(
        b"HTTP/1.1 200 OK\r\nX-Flags-Age: 40\r\nContent-Length: 12\r\n\r\n" + b'{"flags":[]}'
    )
    with client_of(server) as flags:
        flags.is_on("a")
        age = flags.age
        assert age >= 40
        with in_time():
            assert age < 42


def test_clients_of_one_process_are_independent(server):
    server.says(a=True)
    with console() as other, client_of(server) as one, client_of(other) as two:
        other.says(a=False)
        assert (one.is_on("a"), two.is_on("a")) == (True, False)
        two.close()
        server.says(a=False)
        assert eventually(lambda: not one.is_on("a"))


def test_a_closed_client_asks_no_more_and_answers_as_before(server):
    server.says(a=True)
    with client_of(server) as flags:
        assert flags.is_on("a")
        thread = flags._store._keeper._refresher._thread
    thread.join(5)
    assert not thread.is_alive()
    asked = len(server.requests)
    server.says(a=False)
    flags.ensure_fresh()
    time.sleep(0.3)
    assert flags.is_on("a")
    known = flags.explain("a")
    assert (known.source, known.console_source) == (Layer.CONSOLE, "db")
    assert len(server.requests) == asked
    with flags:
        assert eventually(lambda: not flags.is_on("a"))


def test_a_client_that_is_closed_before_its_first_question_answers_without_the_console(server):
    with client_of(server) as flags:
        flags.close()
        assert flags.is_on("a") is False
        assert server.requests == []


def test_making_a_client_starts_nothing(server):
    with client_of(server):
        time.sleep(0.1)
        assert server.requests == []


def test_many_threads_read_while_values_change(server):
    server.says(a=True, b=True, c=True)
    wrong: list[object] = []
    over = threading.Event()
    with client_of(server) as flags:

        def read() -> None:
            while not over.is_set():
                try:
                    seen = [flags.is_on(key) for key in "abc"]
                except Exception as error:  # noqa: BLE001 - the test is told of whatever it was
                    wrong.append(error)
                    return
                if not all(isinstance(value, bool) for value in seen):
                    wrong.append(seen)

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for value in (False, True):
            server.says(a=value, b=value, c=value)
            assert eventually(lambda value=value: flags.is_on("a") is value)
        over.set()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_listeners_are_told_of_each_question_and_one_that_fails_is_logged(server, caplog):
    heard: list[tuple[bool, list[str]]] = []
    server.says(a=True)
    with client_of(server) as flags:
        flags.listen(lambda went_well, changed: 1 / 0)
        flags.listen(lambda went_well, changed: heard.append((went_well, changed)))
        flags.is_on("a")
        assert eventually(lambda: len(heard) > 1)
        server.says(a=False)
        assert eventually(lambda: (True, ["a"]) in heard)
        server.answer = response(500)
        assert eventually(lambda: (False, []) in heard)
    assert heard[:2] == [(True, ["a", "b", "c"]), (True, [])]
    assert "a listener of the flags failed" in caplog.text


async def _longest_pause(over: asyncio.Event) -> float:
    longest = 0.0
    while not over.is_set():
        began = time.monotonic()
        await asyncio.sleep(0.005)
        longest = max(longest, time.monotonic() - began)
    return longest


@pytest.mark.parametrize("is_there", [True, False])
def test_an_event_loop_is_not_held_up_by_a_start(server, is_there):
    server.answer = black_hole
    if is_there:
        server.says(a=True)

    async def service(flags: FlagClient) -> tuple[bool, float]:
        over = asyncio.Event()
        watch = asyncio.create_task(_longest_pause(over))
        ready = await flags.ready()
        for _ in range(50):
            flags.begin()
            flags.is_on("a")
        over.set()
        return ready, await watch

    with client_of(server) as flags:
        ready, pause = asyncio.run(service(flags))
        assert ready is is_there
        assert flags.is_on("a") is is_there
        with in_time():
            assert pause < 1.5


def test_as_an_asynchronous_context_manager_it_is_ready_in_the_block(server):
    server.says(a=True)

    async def service() -> bool:
        async with FlagClient(server.url, TOKEN, DECLARED) as flags:
            return flags.is_on("a")

    assert asyncio.run(service())


# Plain Python, in a process of its own: forking a test runner that has threads is asking for it.
_FORK = """
import os, sys
from tests.flags.client.fake_console import DECLARED, TOKEN
from tests.flags.test_store import eventually
from flags.client import FlagClient
assert not any(name.split(".")[0] == "psycopg2" for name in sys.modules)

flags = FlagClient(sys.argv[1], TOKEN, DECLARED, max_age=0.3)
assert flags.is_on("a")
pid = os.fork()
changed = lambda: eventually(lambda: not flags.is_on("a"))
if not pid:
    assert flags.is_on("a")
    print("child", flush=True)
    os._exit(0 if changed() else 1)
print(changed(), os.waitpid(pid, 0)[1], flush=True)
"""


def test_after_a_fork_parent_and_child_both_go_on(server):
    server.says(a=True)
    with program(_FORK, server.url) as process:
        assert process.stdout.readline() == "child\n"
        server.says(a=False)
        assert process.stdout.readline() == "True 0\n"


def test_a_reading_of_the_wall_clock_changes_nothing(server, monkeypatch):
    server.says(a=True)
    with client_of(server) as flags:
        flags.is_on("a")
        monkeypatch.setattr(time, "time", lambda: 0.0)
        server.says(a=False)
        assert eventually(lambda: not flags.is_on("a"))
        age = flags.age
        assert age >= 0
        with in_time():
            assert age < 1


def test_a_thread_that_is_gone_is_replaced_by_the_next_request(server, monkeypatch):
    server.says(a=True)
    # By itself it asks every 8 s at most.
    with client_of(server, max_age=30) as flags:
        flags.is_on("a")
        for begin in (flags.ensure_fresh, flags.begin):
            asked = len(server.requests)
            monkeypatch.setattr(flags._store._keeper._refresher, "due", 0.0)
            begin()
            assert eventually(lambda asked=asked: len(server.requests) > asked)
