"""An elevation that ends while a high-risk flip is on its way: the flip is not made."""

import json

import pytest

from accounts.models import OperatorSession
from flags import writing
from flags.models import DeclaredFlag, FeatureFlag
from tests.codes import elevated_client
from tests.pages import HIGH, HTMX, flip_form, flip_url, nothing_written, rows_of

ALSO_HIGH = "console_bulk_refunds"
ENDS = pytest.mark.parametrize(
    "end",
    [
        lambda user: OperatorSession.objects.update(elevated_at=None),
        lambda user: OperatorSession.objects.all().delete(),
        lambda user: user.groups.clear(),
    ],
    ids=["dropped", "signed out", "demoted"],
)


@pytest.fixture
def meanwhile(monkeypatch):
    """Have this happen after a flip has got its row, and before its transaction ends."""

    def happen(act, after: int = 1):
        swap, swaps = writing._swap, []

        def swapped(*arguments):
            row = swap(*arguments)
            swaps.append(row)
            if len(swaps) == after:
                act()
            return row

        monkeypatch.setattr(writing, "_swap", swapped)

    return happen


@ENDS
def test_a_flip_is_undone_by_the_end_of_its_elevation(superadmin, meanwhile, end):
    client = elevated_client(superadmin)
    meanwhile(lambda: end(superadmin))
    with nothing_written():
        answer = client.post(flip_url(HIGH), flip_form(HIGH), headers=HTMX)
    assert answer.status_code == 403
    assert rows_of(answer)[HIGH]["data-value"] == "off"
    assert "need elevation" in answer.content.decode()


def test_a_bulk_flip_stops_at_the_end_of_its_elevation(superadmin, meanwhile):
    client = elevated_client(superadmin)
    meanwhile(lambda: OperatorSession.objects.update(elevated_at=None), after=2)
    flags = [(key, "yaml::0") for key in (HIGH, ALSO_HIGH)]
    form = {
        "action": "flip_on",
        "_selected_action": DeclaredFlag.objects.get(flag_key=HIGH, env="staging").pk,
        "env": "staging",
        "plan": json.dumps({"env": "staging", "value": True, "flags": flags}),
    }
    page = client.post("/console/flags", form, follow=True).content.decode()
    assert f"{ALSO_HIGH}: Flags of high risk need elevation" in page
    assert [row.flag_key for row in FeatureFlag.objects.all()] == [HIGH]
