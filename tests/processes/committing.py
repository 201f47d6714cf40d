"""Acts of a process that gives up on a silent database as a web process does."""

from typing import Any

from django.db import Error as DBError
from django.db import connection

import flags
from audit import commits, deadline
from audit.commits import OutcomeUnknown, noting_acts
from audit.services import audited, record
from tests.processes import flipping


def install(wait: float, look: float) -> None:
    """Have this process give up as a web process does, after as many seconds as the test has."""
    deadline.WAIT_SECONDS = deadline.CONNECT_SECONDS = wait
    commits.LOOK_SECONDS = look
    deadline.install()


def flip(key: str, value: bool) -> dict[str, Any]:
    """Flip a flag: the outcome or what was raised, and what the very next `is_on()` says."""
    flags.is_on(key)
    told = _told(lambda: flipping.flip(key, value))
    return told | {"is_on": flags.is_on(key)}


def note(target: str) -> dict[str, Any]:
    """An act that changes no flag, and so has no change_id."""

    def act() -> str:
        with audited():
            record(
                flipping.ACTOR,
                "console.test.noted",
                target_type="test",
                target_id=target,
                payload={},
            )
        return "noted"

    return _told(act)


def _told(act: Any) -> dict[str, Any]:
    with noting_acts() as acts:
        try:
            outcome, error = act(), ""
        except DBError as raised:
            outcome, error = type(raised).__name__, str(raised)
            is_unknown = isinstance(raised, OutcomeUnknown)
            if is_unknown != bool(acts.unknown):
                raise AssertionError("what is unknown was not noted") from raised
        finally:
            connection.close()
    return {"outcome": outcome, "error": error, "done": [entry.target_id for entry in acts.done]}
