"""Rows of a release that knew no chain: the migration seals them, `audit_adopt` those of later."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditEntry
from tests.audit.damaging import forge_row, found, links, sealed_rows

pytestmark = pytest.mark.django_db
THING = {"target_type": "thing", "action": "console.thing.done"}


def adopt(through: int, reason: str = "written by v41, which ran beside us") -> str:
    out = StringIO()
    call_command("audit_adopt", "--through", str(through), "--reason", reason, stdout=out)
    return out.getvalue()


def test_rows_without_links_are_sealed_up_to_the_one_that_is_named():
    sealed_rows(2)
    unknown = [forge_row(**THING) for _ in range(3)]
    assert adopt(unknown[1]) == f"2 rows up to {unknown[1]} are sealed now.\n"
    assert [place.audit_id for place in found()["forged_unsealed"]] == unknown[2:]
    assert [link["audit_id"] for link in links()][2:4] == unknown[:2]


def test_that_somebody_vouched_for_them_is_in_the_log():
    row = forge_row(**THING)
    adopt(row)
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.channel) == ("console.audit.adopted", "cli")
    assert entry.payload == {"rows": 1, "through": row}
    assert entry.context["reason"] == "written by v41, which ran beside us"
    assert found() == {}


def test_where_there_is_nothing_to_adopt_nothing_is_written():
    sealed_rows(2)
    with pytest.raises(CommandError, match="No row up to"):
        adopt(10_000)
    assert len(links()) == AuditEntry.objects.count() == 2


def test_a_blank_reason_is_refused():
    row = forge_row(**THING)
    with pytest.raises(CommandError, match="--reason"):
        adopt(row, " ")
    assert links() == []
