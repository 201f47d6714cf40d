"""How tokens are known without a query per request: when the table is looked at, and by whom."""

import threading

import pytest
from django.db import OperationalError

from flags.models import ServiceToken
from flags.ofrep import process
from flags.ofrep.live import (
    GOOD_SECONDS,
    LOOK_SECONDS,
    RETRY_SECONDS,
    Live,
    LiveTokens,
    TokensUnknown,
)
from tests.flags.ofrep.asking import ask

TOKEN = Live(1, "reads", "staging", "raptor-staging", "1a2b")


class Table:
    """The table, its clock, and what was done to it."""

    def __init__(self) -> None:
        self.tokens, self.now = {"hash": TOKEN}, 1000.0
        self.looks, self.notes, self.is_away = 0, [], False

    def read(self):
        self.looks += 1
        if self.is_away:
            raise OperationalError("away")
        return dict(self.tokens)

    def known(self) -> LiveTokens:
        return LiveTokens(self.read, self.notes.append, lambda: self.now)


@pytest.fixture
def table() -> Table:
    return Table()


def test_the_table_is_looked_at_once_a_second_however_often_is_asked(table):
    known = table.known()
    for _ in range(300):
        assert known.find("hash") == TOKEN
        table.now += 0.1
    assert 27 <= table.looks <= 31


def test_a_revoked_token_is_refused_a_second_later_and_at_once_after_a_pause(table):
    known = table.known()
    known.find("hash")
    table.tokens.clear()
    table.now += 1.01
    assert known.find("hash") is None
    table.tokens["hash"] = TOKEN
    table.now += 1000
    assert known.find("hash") == TOKEN
    table.tokens.clear()
    table.now += 1000
    assert known.find("hash") is None


def test_an_unknown_token_is_looked_for_some_times_a_second_and_no_oftener(table):
    known = table.known()
    known.find("hash")
    for _ in range(1000):
        assert known.find("new") is None
        table.now += 0.001
    assert table.looks <= 5
    table.tokens["new"] = TOKEN
    table.now += 0.31
    assert known.find("new") == TOKEN


def test_while_the_database_is_away_what_is_known_is_good_for_ten_minutes(table):
    known = table.known()
    known.find("hash")
    table.is_away = True
    for _ in range(int(GOOD_SECONDS) - 10):
        table.now += 1
        assert known.find("hash") == TOKEN
    assert table.looks < GOOD_SECONDS / 2, "a silent database costs each look a wait"
    table.now += 20
    with pytest.raises(TokensUnknown, match="last read from the database more than 10 minutes ago"):
        known.find("hash")
    table.is_away = False
    table.now += 4
    assert known.find("hash") == TOKEN


def test_while_the_database_is_away_nobody_says_that_a_token_is_unknown(table):
    known = table.known()
    known.find("hash")
    table.is_away = True
    table.now += 5
    assert known.find("hash") == TOKEN
    with pytest.raises(TokensUnknown, match="not among the live ones that this process knows"):
        known.find("new")


def test_a_token_that_is_revoked_here_is_unknown_at_once_whatever_the_database_does(table):
    known = table.known()
    known.find("hash")
    table.is_away = True
    known.drop("hash")
    known.look_again()
    with pytest.raises(TokensUnknown, match="not among the live ones that this process knows"):
        known.find("hash")
    table.is_away = False
    table.tokens.clear()
    table.now += 4
    assert known.find("hash") is None


def test_a_look_that_was_under_way_as_a_token_was_revoked_here_does_not_bring_it_back(table):
    known = table.known()
    known.find("hash")
    read = known._read

    def read_before_it_was_revoked():
        found = read()
        known.drop("hash")
        known.look_again()
        return found

    known._read = read_before_it_was_revoked
    table.now += 1.5
    assert known.find("hash") is None
    known._read = read
    table.tokens.clear()
    table.now += 1.5
    assert known.find("hash") is None
    table.tokens["hash"] = TOKEN
    table.now += 1.5
    assert known.find("hash") == TOKEN, "what the table says in the end is what counts"


def test_a_process_that_nobody_asks_looks_again_with_its_flags(table):
    known = table.known()
    known.begin()
    for _ in range(100):
        table.now += 1
        known.keep(True, [])
    assert 15 <= table.looks <= 21
    table.is_away = True
    table.now += 500
    known.keep(False, [])
    assert known.find("hash") == TOKEN


def test_nothing_is_known_before_the_first_look(table):
    table.is_away = True
    with pytest.raises(TokensUnknown, match="not read from the database since this process began"):
        table.known().find("hash")


def test_what_was_read_as_the_process_began_is_known_while_the_database_is_away(table):
    known = table.known()
    known.begin()
    table.is_away = True
    table.now += 60
    assert known.find("hash") == TOKEN


@pytest.mark.parametrize("error", [OperationalError("away"), RuntimeError("a fault")])
def test_a_first_look_that_fails_stops_nothing(table, error, monkeypatch):
    closed = []
    monkeypatch.setattr("flags.ofrep.live.let_go", lambda: closed.append(True))
    known = table.known()
    good = known._read

    def fail():
        raise error

    known._read = fail
    known.begin()
    assert closed
    known._read = good
    table.now += 4
    assert known.find("hash") == TOKEN


def test_one_thread_looks_and_the_others_go_on_with_what_is_known(table):
    known = table.known()
    known.find("hash")
    began, go_on = threading.Event(), threading.Event()

    def slowly():
        began.set()
        assert go_on.wait(10)
        return {}

    known._read = slowly
    table.now += 1.5
    looking = threading.Thread(target=known.find, args=("hash",))
    looking.start()
    assert began.wait(10)
    assert known.find("hash") == TOKEN
    go_on.set()
    looking.join(10)
    assert known.find("hash") is None


def test_where_what_is_known_is_old_the_others_wait_for_the_look(table):
    known = table.known()
    known.find("hash")
    began, found = threading.Event(), []

    def slowly():
        began.set()
        waiting.start()
        # The other one has nothing but the lock to wait for.
        waiting.join(0.2)
        assert not found
        return {}

    waiting = threading.Thread(target=lambda: found.append(known.find("hash")))
    known._read = slowly
    table.now += 60
    assert known.find("hash") is None
    assert began.is_set()
    waiting.join(10)
    assert found == [None]


def test_a_fork_in_the_middle_of_a_look_leaves_the_child_no_lock(table):
    known = table.known()
    known.find("hash")
    known._looking.acquire()
    known.after_fork()
    table.now += 60
    assert known.find("hash") == TOKEN
    assert table.looks == 2


def test_its_use_is_noted_once_a_minute_and_not_while_the_database_is_away(table):
    known = table.known()
    for _ in range(180):
        known.note_use(known.find("hash"))
        table.now += 1
    assert table.notes == [1, 1, 1]
    table.is_away = True
    for _ in range(180):
        known.note_use(known.find("hash"))
        table.now += 1
    assert len(table.notes) <= 4


def test_a_note_that_fails_fails_no_request(table):
    def fail(pk):
        raise OperationalError("read-only")

    known = table.known()
    known._note = fail
    known.note_use(known.find("hash"))


@pytest.mark.django_db
def test_a_used_token_says_when(secret):
    assert ServiceToken.objects.get().last_used_at is None
    ask(secret)
    used = ServiceToken.objects.get().last_used_at
    assert used is not None
    ask(secret)
    assert ServiceToken.objects.get().last_used_at == used


@pytest.mark.django_db
def test_a_refused_token_is_not_in_use(secret, settings):
    settings.CONSOLE_ENV = "prod"
    assert ask(secret).status_code == 403
    assert ServiceToken.objects.get().last_used_at is None


@pytest.mark.django_db
def test_a_token_is_known_by_what_is_in_the_table_at_each_look(secret, monkeypatch):
    assert ask(secret).status_code == 200
    ServiceToken.objects.all().delete()
    monkeypatch.setattr(process.live_tokens, "_read_at", process.live_tokens._read_at - 1.1)
    assert ask(secret).status_code == 401


def test_one_look_that_does_not_end_holds_up_one_request(table, caplog):
    known = table.known()
    known.find("hash")
    waits = []

    class Held:
        def acquire(self, timeout):
            waits.append(timeout)
            return False

    known._looking = Held()
    table.now += 100
    for _ in range(5):
        assert known.find("hash") == TOKEN
    assert waits == [LOOK_SECONDS]
    assert "does not end" in caplog.text
    table.now += 2 * RETRY_SECONDS
    known.find("hash")
    assert len(waits) == 2
