"""The sign-off checklist, item by item, each with its evidence (runbook section 9)."""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import Error as DBError

from audit.cli import is_new_database, one_line
from audit.deadline import was_silence
from audit.failures import let_go
from flags.config_vars import SWITCH, name_of
from flags.gate import GATE
from flags.heroku import looks
from flags.heroku.calls import manage
from flags.heroku.findings import Finding, Item, Verdict


def checklist(now: datetime) -> list[Item]:
    """All items, looked at now. An item that the database does not answer for cannot be seen; once
    it was silent, nothing more is asked of it."""
    wanted: tuple[tuple[str, Callable[[datetime], Iterator[Finding]]], ...] = (
        ("All flag migrations are applied", looks.migrations),
        (f"{SWITCH}=1 in both environments", looks.switches),
        ("Every FLAG_CONSOLE_* config var is dormant: its flag has a database row", looks.dormant),
        ("The audit log has a console.flag.flip of each migrated flag", looks.flipped),
        (f"{name_of(GATE)} is removed from both consoles", looks.gate_removed),
        ("Our code reads FLAG_* in one module alone", looks.one_reader),
        ("The deprecation table is complete, with dates", looks.table_complete),
    )
    items: list[Item] = []
    is_silent = False
    for number, (title, look) in enumerate(wanted, 1):
        if is_silent and look is not looks.one_reader:
            findings = [_again("not asked: the database did not answer before")]
        else:
            findings, error = _looked(look, now)
            is_silent = is_silent or was_silence(error)
        items.append(Item(number, title, tuple(findings)))
    return items


def _looked(
    look: Callable[[datetime], Iterator[Finding]], now: datetime
) -> tuple[list[Finding], DBError | None]:
    try:
        return list(look(now)), None
    except DBError as error:
        let_go()
        text = f"the database does not answer as it should: {one_line(error)}"
        if is_new_database(error):
            finding = Finding(Verdict.UNSEEN, text, manage("migrate", "--plan"))
        else:
            finding = _again(text)
        return [finding], error


def _again(text: str) -> Finding:
    return Finding(Verdict.UNSEEN, text, manage("ga_checklist"))
