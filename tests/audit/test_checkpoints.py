"""A cut tail, and a chain that was cut and grown again: found with a checkpoint, and only so."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from audit import chain, checkpoints
from audit.checkpoints import NotACheckpoint
from audit.damage import Kind
from tests.audit.damaging import ROWS, first, found, sealed_rows, sql
from tests.audit.test_record import write

pytestmark = pytest.mark.django_db


@pytest.fixture
def ids() -> list[int]:
    return sealed_rows()


@pytest.fixture
def checkpoint(ids):
    return checkpoints.make(chain.head())


def cut(ids: list[int], left: int) -> None:
    sql("DELETE FROM console_audit_log WHERE id > %s", ids[left - 1])
    sql("DELETE FROM console_audit_chain WHERE seq > %s", left)


def test_a_checkpoint_says_how_many_links_there_are_and_which_is_the_last(checkpoint):
    assert (checkpoint.size, checkpoint.head) == (ROWS, chain.hash_at(ROWS))
    assert found(checkpoints=[checkpoint]) == {}


def test_a_checkpoint_holds_for_the_chain_that_grew_since(checkpoint):
    write()
    assert found(checkpoints=[checkpoint]) == {}


def test_of_an_empty_chain_there_is_a_checkpoint_too():
    empty = checkpoints.make(chain.head())
    assert empty.size == 0
    sealed_rows(2)
    assert found(checkpoints=[empty]) == {}


@pytest.mark.parametrize("left", [1, 5, ROWS - 1])
def test_a_cut_tail_is_found_with_a_checkpoint_and_not_without_one(ids, checkpoint, left):
    cut(ids, left)
    assert found() == {}
    assert first(Kind.CUT_TAIL, checkpoints=[checkpoint]) == (left + 1, None)


@pytest.mark.parametrize("regrown", [1, 4, 30])
def test_a_chain_cut_and_regrown_is_found_with_a_checkpoint_and_not_without_one(
    ids, checkpoint, regrown
):
    """Grown again by the console itself: every link is true."""
    cut(ids, 5)
    for _ in range(regrown):
        write()
    assert found() == {}
    kind = Kind.CUT_TAIL if regrown < ROWS - 5 else Kind.CUT_AND_REGROWN
    assert first(kind, checkpoints=[checkpoint])[0] in (ROWS, 5 + regrown + 1)


def test_a_log_that_was_emptied_is_found(ids, checkpoint):
    sql("DELETE FROM console_audit_log")
    sql("DELETE FROM console_audit_chain")
    assert found() == {}
    assert first(Kind.CUT_TAIL, checkpoints=[checkpoint]) == (1, None)


def test_of_several_checkpoints_each_is_held_against_the_chain(ids, checkpoint):
    early = replace(checkpoint, size=3, head=chain.hash_at(3))
    cut(ids, 5)
    assert len(found(checkpoints=[early, checkpoint])["cut_tail"]) == 1


# --- the text ----------------------------------------------------------------


def test_the_command_prints_one_line_that_is_read_back(ids):
    out = StringIO()
    call_command("audit_checkpoint", stdout=out)
    [line] = out.getvalue().splitlines()
    [checkpoint] = checkpoints.read([line])
    assert (checkpoint.size, checkpoint.head) == (ROWS, chain.head().row_hash)
    assert set(json.loads(line)) == {"size", "head", "time", "key_id", "hmac"}


def test_checkpoints_are_read_out_of_a_log_whatever_else_is_in_it(checkpoint):
    lines = [
        "2026-05-04T03:00:00 app[web.1]: "
        + json.dumps({"message": "x", "checkpoint": json.loads(checkpoint.as_json())}),
        '{"message": "another line", "head": 3}',
        "{ no json",
        "[]",
        "",
        checkpoint.as_json(),
    ]
    assert checkpoints.read(lines) == [checkpoint, checkpoint]


@pytest.mark.parametrize(
    "change",
    [
        {"size": 1},
        {"head": "0" * 64},
        {"time": "2020-01-01T00:00:00+00:00"},
        {"hmac": "0" * 64},
        {"key_id": "nobodys"},
        {"more": 1},
        {"size": "9"},
    ],
)
def test_a_checkpoint_that_was_changed_is_refused(checkpoint, change):
    said = json.loads(checkpoint.as_json()) | change
    with pytest.raises(NotACheckpoint):
        checkpoints.read([json.dumps(said)])


def test_a_file_without_a_checkpoint_is_refused(tmp_path):
    path = tmp_path / "log"
    path.write_text("nothing here\n")
    for name in (str(path), str(tmp_path / "no-such-file")):
        with pytest.raises(CommandError, match=name):
            call_command("audit_verify", "--checkpoint", name)


def test_the_command_finds_the_cut_with_the_file_and_exits_with_1(ids, checkpoint, tmp_path):
    path = tmp_path / "checkpoint"
    path.write_text(checkpoint.as_json())
    cut(ids, 5)
    call_command("audit_verify", stdout=StringIO())
    out = StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("audit_verify", "--checkpoint", str(path), stdout=out)
    assert left.value.code == 1
    assert "CUT_TAIL: 4." in out.getvalue()
    assert "first: link 6" in out.getvalue()


# --- the log -----------------------------------------------------------------


@pytest.fixture
def logged(caplog):
    """The checkpoints that went to the log, as they are read from it."""
    caplog.set_level("INFO", logger="audit.checkpoints")

    def read():
        lines = [json.dumps({"checkpoint": record.checkpoint}) for record in caplog.records]
        return checkpoints.read(lines)

    return read


def test_tick_writes_a_checkpoint_to_the_log(ids, logged):
    call_command("tick", stdout=StringIO())
    assert [checkpoint.size for checkpoint in logged()] == [ROWS]
