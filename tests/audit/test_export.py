"""`audit_export`, and `audit_verify --file`: the log as a file, verified without the database."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.canonical import FIELDS
from audit.models import AuditEntry
from audit.offline import FileVerification
from tests.audit.damaging import forge_row, links, sealed_rows
from tests.audit.test_record import write

pytestmark = pytest.mark.django_db
FORMATS = pytest.mark.parametrize("form", ["jsonl", "csv"])
HOSTILE = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'x", "''=x", '"', "a\nb", "ü,;", "<b>"]


def export(*arguments: str) -> str:
    out = StringIO()
    call_command("audit_export", *arguments, stdout=out)
    return out.getvalue()


def rows_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()[:-1]]


def damage_of(path, **options) -> dict[str, int]:
    run = FileVerification(path, **options)
    for _ in run.run():
        pass
    return {kind.value: found.count for kind, found in run.report.found.items()}


@pytest.fixture
def saved(tmp_path):
    """Write a text as a file."""

    def save(text: str):
        path = tmp_path / "export"
        path.write_text(text, newline="")
        return path

    return save


def test_each_row_stands_on_a_line_of_its_own_with_its_place_in_the_chain():
    ids = sealed_rows(3)
    rows = rows_of(export())
    assert [row["id"] for row in rows] == ids
    assert [row["seq"] for row in rows] == [1, 2, 3]
    assert [row["row_hash"] for row in rows] == [link["row_hash"] for link in links()[:3]]
    entry = AuditEntry.objects.get(pk=ids[0])
    assert set(FIELDS) <= set(rows[0])
    assert (rows[0]["payload"], rows[0]["context"]) == (entry.payload, entry.context)
    assert datetime.fromisoformat(rows[0]["created_at"]) == entry.created_at


def test_the_last_line_says_what_the_file_must_hold():
    sealed_rows(3)
    said = json.loads(export("--actor", "root (shell)").splitlines()[-1])["manifest"]
    assert (said["rows"], said["size"], said["filter"]) == (3, 3, {"actor": "root (shell)"})


def test_the_export_itself_is_in_the_log():
    sealed_rows(2)
    export("--env", "prod")
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.channel) == ("console.audit.exported", "cli")
    assert entry.payload == {"up_to": 2, "filter": {"env": "prod"}}


@FORMATS
def test_an_export_is_verified_without_the_database(saved, form, monkeypatch):
    write(context={"reason": "ü", "n": [1, None, {"x": 1.5}]})
    sealed_rows(5)
    path = saved(export("--format", form))

    def away(*args, **kwargs):
        raise AssertionError("the database was asked")

    monkeypatch.setattr(BaseDatabaseWrapper, "cursor", away)
    out = StringIO()
    call_command("audit_verify", "--file", str(path), stdout=out)
    assert out.getvalue() == "6 rows checked: no damage found.\n"


@FORMATS
@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_wrote_comes_back_as_it_was(saved, form, text):
    write(target_id=text, context={"reason": text})
    assert damage_of(saved(export("--format", form))) == {}


def test_no_cell_begins_as_a_formula():
    for text in HOSTILE:
        write(target_id=text)
    cells = [cell for row in csv.reader(StringIO(export("--format", "csv"))) for cell in row]
    assert [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")] == []
    assert "'=1+1" in cells


FILTERS = {
    "action": (["--action", "console.thing.done"], 2),
    "flag": (["--flag", "console_billing"], 1),
    "env": (["--env", "prod"], 1),
    "actor": (["--actor", "alice"], 1),
    "channel": (["--channel", "cli"], 2),
    "incident": (["--incident", "INC-7"], 1),
    "since": (["--since", "2026-05-05"], 1),
    "until": (["--until", "2026-05-05"], 2),
    "two at once": (["--channel", "cli", "--until", "2026-05-05T03:00"], 1),
    "nothing": (["--actor", "nobody"], 0),
}


@FORMATS
@pytest.mark.parametrize(("arguments", "count"), FILTERS.values(), ids=FILTERS)
def test_a_filter_keeps_what_it_names_and_the_part_is_verified(saved, form, arguments, count):
    day = datetime(2026, 5, 4, 3, 0, tzinfo=UTC)
    write(now=day)
    forge_row(created_at=day + timedelta(hours=1), context={"incident": "INC-7"})
    from audit import sealing

    sealing.adopt(AuditEntry.objects.latest("id").pk)
    write(now=day + timedelta(days=1))
    text = export("--format", form, *arguments)
    assert len(text.splitlines()) == count + (1 if form == "jsonl" else 2)
    assert damage_of(saved(text)) == {}


@FORMATS
def test_a_row_that_has_no_link_is_exported_and_told(saved, form):
    sealed_rows(2)
    forge_row()
    assert damage_of(saved(export("--format", form))) == {"forged_unsealed": 1}


def test_an_archive_is_never_written_over(tmp_path):
    sealed_rows(1)
    path = tmp_path / "archive.jsonl"
    export("--output", str(path))
    before = path.read_text()
    assert len(before.splitlines()) == 2
    with pytest.raises(CommandError, match="archive"):
        export("--output", str(path))
    assert path.read_text() == before
