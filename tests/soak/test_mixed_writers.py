"""Eight processes flip and write raw SQL at once: an audit row for each change, one whole chain."""

import json
from collections import Counter

import pytest
from django.db import connection

from tests.processes.racers import PROCESSES
from tests.processes.server import program
from tests.sizes import size
from tests.soak.story import assert_all_is_sealed, assert_the_story_is_whole, told_changes
from tests.soak.writer import KEYS

pytestmark = pytest.mark.django_db(transaction=True)

# Of each of the eight.
CHANGES = size(12, 2500 if connection.vendor == "postgresql" else 750)
SECONDS = size(60, 1200)


def test_every_change_has_its_audit_row_whoever_makes_it(declared, tmp_path):
    log = tmp_path / "log"
    source = "from tests.processes import racers; racers.main()"
    arguments = ("mixed", ",".join(KEYS), str(CHANGES), str(SECONDS))
    with log.open("w") as lines, program(source, *arguments, log=lines) as process:
        output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    tries = [one for log in json.loads(output) for one in log]
    outcomes = Counter(one["outcome"] for one in tries)
    odd = [one for one in tries if one["outcome"] not in ("changed", "nothing", "moved")]
    assert odd == []
    made = Counter(one["by"] for one in tries if one["outcome"] == "changed")
    print(f"{outcomes}, of the changes {made}")
    assert outcomes["changed"] == PROCESSES * CHANGES
    assert made["flip"] and made["raw"] and outcomes["moved"]

    changes = told_changes()
    assert Counter(change.change for change in changes) == Counter(
        one["change"] for one in tries if one["outcome"] == "changed"
    )
    assert_the_story_is_whole(changes)
    assert_all_is_sealed(log=log)
