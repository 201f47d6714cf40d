"""Taking a flag out again: section 7.1."""

from datetime import timedelta

from django.utils import timezone

from tests.runbook.console import Console, Happened
from tests.runbook.sections_1_to_5 import KEY, PAGE, turn
from tests.runbook.table import does, only, prepared

SETTLED = "console_customer_notes"


@prepared(PAGE, "7.1")
def _a_flag_that_is_on_everywhere_and_a_row_that_does_nothing(console: Console) -> None:
    start = timezone.now() - timedelta(days=31)
    console.travel(start)
    for app in ("raxx-console-prod", "raxx-console-staging"):
        console.release(app)
    for env in ("prod", "staging"):
        turn(SETTLED, env, True)
    for key, env in ((KEY, "prod"), (KEY, "staging"), ("console_order_search_v2", "prod")):
        turn(key, env, False)
    console.travel(start + timedelta(days=31))


def heads(it: Happened) -> list[str]:
    """What is listed, each with its reason."""
    lines = [line for line in it.out.splitlines() if line and not line.startswith(" ")]
    return [line.partition(":")[0] for line in lines]


@does(PAGE, "7.1", "python manage.py flag_status --stale 30 --env <env>")
def _what_may_go_with_why_and_what_next(console: Console, it: Happened) -> None:
    only(it)
    found = heads(it)
    assert f"{SETTLED} (prod, settled)" in found
    assert f"{KEY} (prod, default)" in found
    assert "git grep -n console_customer_notes" in it.out
    assert "raxx-api-prod, raxx-api-staging cannot be seen from here" in it.out


@does(PAGE, "7.1", "python manage.py flag_status <flag_key> --stale 30 --env <env>")
def _the_commands_of_one_flag(console: Console, it: Happened) -> None:
    only(it)
    assert f"{KEY} (prod, default)" in heads(it)
    assert SETTLED not in it.out
    assert DELETION.replace("<flag_key>", KEY).replace("<env>", "prod") in it.out
    assert "flag_reconcile console_billing --env prod" in it.out


DELETION = (
    "DELETE FROM console_feature_flags WHERE flag_key='<flag_key>' AND env='<env>' AND value=0;"
)


@does(PAGE, "7.1", DELETION)
def _the_row_is_gone_and_the_value_stays(console: Console, it: Happened) -> None:
    only(it, rows={(KEY, "prod"): None}, acts=[("flag.flip", "sql")])
    assert it.answer == 1
    assert console.is_on(KEY, "prod") is False
    assert console.source(KEY, "prod") == "yaml"


RECONCILE = (
    'python manage.py flag_reconcile <flag_key> --env <env> --reason "row equal to its default" '
    "--incident clean-up"
)


@does(PAGE, "7.1", RECONCILE)
def _it_is_answered_for(console: Console, it: Happened) -> None:
    only(it, acts=[("flag.reconciled", "cli")])
    assert it.audit[0].context["incident"] == "clean-up"
