"""The end of `audited()` where COMMIT brings an error: done, not done, or not known."""

import pytest
from django.db import IntegrityError, OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from audit import commits
from audit.actor import Actor, Channel
from audit.commits import OutcomeUnknown, noting_acts
from audit.models import AuditEntry
from audit.services import audited, record

pytestmark = pytest.mark.django_db(transaction=True)
ACTOR = Actor(Channel.CLI, "a test")
REAL = BaseDatabaseWrapper._commit


def note(target: str = "a") -> AuditEntry:
    return record(
        ACTOR, "console.test.noted", target_type="test", target_id=target, payload={"n": 1}
    )


def noted() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("target_id", flat=True))


@pytest.fixture
def losing(monkeypatch):
    """Lose the answer to the next COMMIT of a transaction, done or not."""

    def lose(*, done: bool, error: Exception | None = None) -> list[str]:
        sent: list[str] = []

        def commit(self):
            if sent:
                return REAL(self)
            sent.append("COMMIT")
            if done:
                REAL(self)
            raise error or OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(BaseDatabaseWrapper, "_commit", commit)
        return sent

    return lose


def test_one_that_was_done_goes_on_as_if_the_answer_had_come(losing):
    called: list[str] = []
    with noting_acts() as acts, audited():
        entry = note()
        transaction.on_commit(lambda: called.append("robust"), robust=True)
        transaction.on_commit(lambda: called.append("plain"))
        losing(done=True)
    assert called == ["robust", "plain"]
    assert noted() == ["a"]
    assert [done.pk for done in acts.done] == [entry.pk]
    assert acts.unknown == []


def test_one_that_was_not_done_is_the_error_that_it_was(losing):
    called: list[str] = []
    with noting_acts() as acts:
        with pytest.raises(OperationalError, match="server closed") as raised, audited():
            note()
            transaction.on_commit(lambda: called.append("called"))
            losing(done=False)
        assert not isinstance(raised.value, OutcomeUnknown)
    assert (called, noted(), acts.done, acts.unknown) == ([], [], [], [])
    with audited():
        note("b")
    assert noted() == ["b"]


@pytest.mark.parametrize("done", [True, False])
def test_one_that_cannot_be_looked_up_is_not_known(losing, monkeypatch, done):
    monkeypatch.setattr(commits, "LOOK_SECONDS", 0.5)
    looks: list[float] = []

    def look(self, seconds):
        looks.append(seconds)
        raise OperationalError("refused")

    monkeypatch.setattr(commits.Commit, "_look", look)
    with noting_acts() as acts:
        with pytest.raises(OutcomeUnknown) as raised, audited():
            entry = note()
            losing(done=done)
        assert acts.unknown == [raised.value]
    assert f"WHERE id = {entry.pk};" in str(raised.value)
    assert acts.done == []
    # A server that is being started anew is asked again.
    assert len(looks) >= 2


def test_an_error_that_is_an_answer_is_not_looked_for(losing, monkeypatch):
    monkeypatch.setattr(commits.Commit, "settle", lambda self: pytest.fail("looked"))
    refusal = IntegrityError("deferred")
    refusal.__cause__ = type("Said", (Exception,), {"pgcode": "23505"})()
    with pytest.raises(IntegrityError), audited():
        note()
        losing(done=False, error=refusal)


def test_what_fails_before_commit_is_not_looked_for(monkeypatch):
    monkeypatch.setattr(commits.Commit, "settle", lambda self: pytest.fail("looked"))
    with pytest.raises(OperationalError), audited():
        note()
        raise OperationalError("away")
    assert noted() == []


def test_a_transaction_that_noted_nothing_changed_nothing(losing, monkeypatch):
    monkeypatch.setattr(commits.Commit, "settle", lambda self: pytest.fail("looked"))
    with pytest.raises(OperationalError, match="server closed"), audited():
        losing(done=True)


def test_a_row_that_a_savepoint_took_back_is_not_what_is_looked_for(losing):
    class Undone(Exception):
        pass

    with noting_acts() as acts, audited():
        with pytest.raises(Undone), audited():
            note("taken back")
            raise Undone
        note("kept")
        losing(done=True)
    assert noted() == ["kept"]
    assert [entry.target_id for entry in acts.done] == ["kept"]


def test_inside_another_transaction_the_commit_is_that_ones(losing):
    with noting_acts() as acts:
        with pytest.raises(OperationalError, match="server closed"), transaction.atomic():
            with audited():
                note()
            losing(done=False)
        assert (acts.done, noted()) == ([], [])


def test_of_nested_acts_the_outermost_commit_is_looked_for(losing):
    with audited():
        with audited():
            note("inner")
        note("outer")
        sent = losing(done=True)
    assert sent == ["COMMIT"]
    assert noted() == ["inner", "outer"]


def test_an_error_of_what_is_called_after_the_commit_is_not_the_commits():
    called: list[str] = []

    def fail() -> None:
        called.append("fails")
        raise OperationalError("another server")

    with (
        noting_acts() as acts,
        pytest.raises(OperationalError, match="another server"),
        audited(),
    ):
        note()
        transaction.on_commit(lambda: called.append("first"))
        transaction.on_commit(fail)
    assert called == ["first", "fails"]
    assert (noted(), [done.target_id for done in acts.done]) == (["a"], ["a"])
