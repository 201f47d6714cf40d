"""Eight processes flip at once: no lost update, an audit row for each change, every loser told."""

import json
from collections import Counter

import pytest

from audit.models import AuditEntry
from flags import runtime
from flags.declarations import Declarations, load
from flags.models import FeatureFlag
from tests.processes.racers import PROCESSES
from tests.processes.server import program
from tests.sizes import size

pytestmark = pytest.mark.django_db(transaction=True)

LOW_RISK = [
    "console_billing",
    "console_customer_notes",
    "console_order_search_v2",
    "raptor_cursor_paging",
    "email_digest_weekly",
]
ROUNDS = size(50, 100)
FIRST_ROWS = size(50, 100)


def race(name: str, keys: list[str], rounds: int, **extra: str) -> list[dict]:
    """Every try of every racer."""
    source = "from tests.processes import racers; racers.main()"
    with program(source, name, ",".join(keys), str(rounds), **extra) as process:
        output, _ = process.communicate(timeout=150)
        assert process.returncode == 0
    return [one for log in json.loads(output) for one in log]


def told(tries: list[dict]) -> Counter:
    """How often each outcome was told. Anything but an answer of `flip()` fails the test."""
    odd = [one for one in tries if one["outcome"] not in ("flipped", "pinned", "already", "moved")]
    assert odd == []
    return Counter(one["outcome"] for one in tries)


def assert_every_change_is_in_the_log(tries: list[dict], declared: Declarations) -> None:
    """As many audit rows as changes, each from where the last one went; the rows agree."""
    changes = Counter(one["key"] for one in tries if one["outcome"] in ("flipped", "pinned"))
    assert Counter(AuditEntry.objects.values_list("target_id", flat=True)) == changes
    for key in changes:
        entries = list(AuditEntry.objects.filter(target_id=key).order_by("id"))
        values = [declared[key].default, *(entry.payload["to"] for entry in entries)]
        assert [entry.payload["from"] for entry in entries] == values[:-1]
        # The runbook's SELECT orders by the time: it must tell the same story.
        assert entries == sorted(entries, key=lambda entry: entry.created_at)
        row = FeatureFlag.objects.get(flag_key=key, env="staging")
        assert (bool(row.value), row.change_id) == (values[-1], entries[-1].change_id)


@pytest.mark.parametrize("keys", [LOW_RISK[:1], LOW_RISK], ids=["one flag", "several flags"])
def test_racing_flips_are_all_accounted_for(keys):
    tries = race("toggle", keys, ROUNDS)
    outcomes = told(tries)
    assert outcomes.total() - outcomes["moved"] == PROCESSES * ROUNDS
    # A race without losers would show nothing. How many there are is the scheduler's chance.
    assert outcomes["moved"] + outcomes["already"] > ROUNDS / 5
    assert_every_change_is_in_the_log(tries, runtime.declared())


@pytest.fixture
def many_flags(tmp_path):
    """A flags file of many flags that nobody has flipped yet."""
    path = tmp_path / "flags.yaml"
    path.write_text(
        "".join(
            f"flag_{number}:\n  default: false\n  description: a flag\n  risk: low\n"
            for number in range(FIRST_ROWS)
        )
    )
    return path


def test_of_all_who_race_for_a_flags_first_row_one_wins(many_flags):
    declared = load(many_flags)
    tries = race("first", list(declared), 1, FEATURE_FLAGS_FILE=str(many_flags))
    outcomes = told(tries)
    assert outcomes.total() == PROCESSES * FIRST_ROWS
    assert outcomes["flipped"] + outcomes["pinned"] == FIRST_ROWS
    assert outcomes["moved"] and outcomes["already"]
    assert AuditEntry.objects.values("target_id").distinct().count() == FIRST_ROWS
    assert_every_change_is_in_the_log(tries, declared)
