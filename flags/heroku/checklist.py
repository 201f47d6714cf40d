"""The sign-off checklist, item by item, each with its evidence (runbook section 9)."""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import Error as DBError

from flags.config_vars import SWITCH, name_of
from flags.gate import GATE
from flags.heroku import looks
from flags.heroku.findings import Finding, Item, Verdict


def checklist(now: datetime) -> list[Item]:
    """All items, looked at now. An item that the database does not answer for cannot be seen."""
    wanted: tuple[tuple[str, Callable[[datetime], Iterator[Finding]]], ...] = (
        ("All flag migrations are applied", looks.migrations),
        (f"{SWITCH}=1 in both environments", looks.switches),
        ("Every FLAG_CONSOLE_* config var is dormant: its flag has a database row", looks.dormant),
        ("The audit log has a console.flag.flip of each migrated flag", looks.flipped),
        (f"{name_of(GATE)} is removed from both consoles", looks.gate_removed),
        ("Our code reads FLAG_* in one module alone", looks.one_reader),
        ("The deprecation table is complete, with dates", looks.table_complete),
    )
    return [
        Item(number, title, tuple(_looked(look, now)))
        for number, (title, look) in enumerate(wanted, 1)
    ]


def _looked(look: Callable[[datetime], Iterator[Finding]], now: datetime) -> list[Finding]:
    try:
        return list(look(now))
    except DBError as error:
        text = f"the database does not answer as it should: {str(error).strip()}"
        return [Finding(Verdict.UNSEEN, text, "python manage.py migrate --plan")]
