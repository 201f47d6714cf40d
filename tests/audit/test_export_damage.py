"""An exported file that somebody changed: found by `audit_verify --file`."""

import json

import pytest
from django.core.management import CommandError, call_command

from audit import chain, checkpoints
from tests.audit.damaging import ROWS, sealed_rows
from tests.audit.test_export import damage_of, export, saved
from tests.audit.test_record import write

pytestmark = pytest.mark.django_db
saved = saved


@pytest.fixture
def lines() -> list[str]:
    sealed_rows()
    return export().splitlines(keepends=True)


def edited(line: str, **changes) -> str:
    return json.dumps(json.loads(line) | changes) + "\n"


def test_an_edited_row_is_found(lines, saved):
    lines[3] = edited(lines[3], actor="mallory")
    assert damage_of(saved("".join(lines))) == {"edited": 1}


def test_a_row_taken_out_is_found(lines, saved):
    assert set(damage_of(saved("".join(lines[:3] + lines[4:])))) == {"deleted"}


def test_a_last_row_taken_out_is_found(lines, saved):
    assert damage_of(saved("".join(lines[:-2] + lines[-1:]))) == {"deleted": 1}


def test_rows_in_another_order_are_found(lines, saved):
    lines[3], lines[4] = lines[4], lines[3]
    assert "reordered" in damage_of(saved("".join(lines)))


def test_a_row_that_stands_twice_is_found(lines, saved):
    assert "reordered" in damage_of(saved("".join(lines[:4] + lines[3:])))


def test_a_file_that_breaks_off_is_found(lines, saved):
    assert damage_of(saved("".join(lines[:-1]))) == {"cut_tail": 1}


def test_a_manifest_that_was_changed_is_found(lines, saved):
    manifest = json.loads(lines[-1])
    manifest["manifest"]["rows"] = 3
    lines[-1] = json.dumps(manifest) + "\n"
    assert "edited" in damage_of(saved("".join(lines)))


def test_a_manifest_that_claims_a_filter_hides_nothing(lines, saved):
    """A filter would excuse what is missing: the manifest is signed."""
    manifest = json.loads(lines[-1])
    manifest["manifest"]["filter"] = {"env": "prod"}
    lines[-1] = json.dumps(manifest) + "\n"
    assert damage_of(saved("".join(lines[:3] + lines[4:])))


@pytest.mark.parametrize("at", [0, 3, 5])
def test_of_a_part_a_row_taken_out_is_found(saved, at):
    for number in range(6):
        write()
        write(target_id="another", payload={"number": number})
    lines = export("--flag", "another").splitlines(keepends=True)
    assert len(lines) == 1
    lines = export("--channel", "cli", "--action", "console.thing.done").splitlines(keepends=True)
    del lines[at]
    assert "deleted" in damage_of(saved("".join(lines)))


def test_a_cell_that_was_edited_is_found(saved):
    sealed_rows()
    text = export("--format", "csv").replace("root (shell)", "mallory", 1)
    assert damage_of(saved(text)) == {"edited": 1}


def test_with_another_key_nothing_is_believed(lines, saved, settings):
    settings.AUDIT_SIGNING_KEY = "another"
    damage = damage_of(saved("".join(lines)))
    assert damage["unknown_key"] == ROWS


def test_a_checkpoint_is_held_against_the_file(saved):
    sealed_rows(4)
    text = export()
    now = checkpoints.make(chain.head_at(4))
    assert damage_of(saved(text), checkpoints=[now]) == {}
    sealed_rows(4)
    later = checkpoints.make(chain.head())
    assert damage_of(saved(text), checkpoints=[now, later]) == {"cut_tail": 5}


@pytest.mark.parametrize(
    "text", ["", "hello\n", "{}\n", '{"seq": 1}\n', "seq,audit_id,prev_hash\n1,2\n", "[1]\n"]
)
def test_a_file_that_is_no_export_is_refused_in_words(saved, text):
    path = saved(text)
    with pytest.raises(CommandError, match=r"export|empty"):
        call_command("audit_verify", "--file", str(path))


def test_a_file_that_is_not_there_is_refused():
    with pytest.raises(CommandError, match="no-such-file"):
        call_command("audit_verify", "--file", "no-such-file")


def test_since_and_a_file_do_not_go_together(saved):
    with pytest.raises(CommandError, match="--since"):
        call_command("audit_verify", "--file", "x", "--since", "2026-05-04")
