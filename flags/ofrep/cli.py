"""What the commands of service tokens share: how failures are said, and a token in print."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.db import Error as DBError

from accounts.refusals import ActRefused
from audit.cli import database_failed
from audit.commits import OutcomeUnknown
from audit.deadline import each_answer_within
from flags.cli import PATIENCE_SECONDS
from flags.models import ServiceToken


@contextmanager
def said_on_one_line(undone: str, *, in_doubt: str = "") -> Iterator[None]:
    """Have a refusal, and a database that fails, be the CommandError that says it.

    `undone` is what it says of the act where the database failed: a COMMIT without an answer aside,
    nothing was kept then. `in_doubt` is what to do where it is that COMMIT.
    """
    try:
        with each_answer_within(PATIENCE_SECONDS):
            yield
    except ActRefused as error:
        raise CommandError(str(error)) from error
    except OutcomeUnknown as error:
        raise CommandError(f"{error} {in_doubt}".strip()) from error
    except DBError as error:
        raise database_failed(error, so=undone) from error


def as_json(token: ServiceToken) -> dict[str, Any]:
    """A token for programs; never its hash. Times are ISO 8601 in UTC, null where there is none."""
    times = {
        "created_at": token.created_at,
        "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at,
    }
    return {
        "name": token.name,
        "env": token.env,
        "app": token.app,
        "ends_in": token.hint,
        **{name: at.isoformat() if at else None for name, at in times.items()},
        "created_by": token.created_by.get_username() if token.created_by else None,
        "revoked_by": token.revoked_by.get_username() if token.revoked_by else None,
    }
