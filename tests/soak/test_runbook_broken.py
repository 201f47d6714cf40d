"""A runbook with any one command broken fails: each command, in each way that `breaking` knows.

Short: one command of each kind.
"""

import pytest

from tests.runbook import breaking, document, table, whole
from tests.sizes import size

pytestmark = pytest.mark.django_db(transaction=True)

ALL = [(each, what, text) for each in whole.COMMANDS for what, text in breaking.broken(each)]
# One command of each kind, each broken in each way that makes sense for it.
KINDS = (
    ("feature-flags", "2"),
    ("feature-flags", "4"),
    ("feature-flags", "6.4"),
    ("feature-flags", "6.5"),
    ("feature-flags", "7"),
)


def one_of_each_kind() -> list[tuple[document.Command, str, str]]:
    """Each way to break something once, in a section that is quick."""
    found = {}
    for command, what, text in ALL:
        if (command.page, command.section) in KINDS:
            found.setdefault((command.language, what), (command, what, text))
    return list(found.values())


@pytest.mark.parametrize(
    ("command", "what", "text"),
    [
        pytest.param(*each, id=f"{each[0].page} {each[0].section} {each[0].language}: {each[1]}")
        for each in size(one_of_each_kind(), ALL)
    ],
)
def test_the_run_fails(command, what, text, tmp_path):
    place = (command.page, command.section)
    plan = whole.plan(place)
    with pytest.raises(table.Failed) as failed:
        table.run(place, table.with_one_broken(plan, command, text), tmp_path)
    assert failed.value.at >= [each for each, _ in plan].index(command)
