"""System checks of the audit log."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.db import Error as DBError
from django.db import connections

from audit import triggers


def triggers_are_in_place(
    app_configs: Any = None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """audit.E001: the log can be rewritten, or flags changed without it. Asks the database."""
    problems: list[CheckMessage] = []
    for alias in databases or []:
        try:
            missing = triggers.missing(connections[alias])
        except DBError:
            continue
        if missing:
            problems.append(
                Error(
                    f"The audit log is not guarded: triggers not in place: {', '.join(missing)}.",
                    hint="Run python manage.py migrate --skip-checks: it installs them again.",
                    id="audit.E001",
                )
            )
    return problems


SHORTEST_KEY = 32


def key_is_strong(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """audit.W001: the key that signs the chain can be guessed. Only for `check --deploy`."""
    key = settings.AUDIT_SIGNING_KEY
    if len(key) >= SHORTEST_KEY and key != settings.SECRET_KEY:
        return []
    return [
        Warning(
            f"AUDIT_SIGNING_KEY is shorter than {SHORTEST_KEY} characters, or it is SECRET_KEY.",
            hint="Whoever guesses it can write the log anew: take random characters, for it alone.",
            id="audit.W001",
        )
    ]
