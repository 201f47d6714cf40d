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
def said_on_one_line() -> Iterator[None]:
    """Have a refusal, and a database that fails, be the CommandError that says it."""
    try:
        with each_answer_within(PATIENCE_SECONDS):
            yield
    except (ActRefused, OutcomeUnknown) as error:
        raise CommandError(str(error)) from error
    except DBError as error:
        raise database_failed(error) from error


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
