"""System checks of the audit log."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
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
                    hint="Run manage.py migrate --skip-checks: it installs them again.",
                    id="audit.E001",
                )
            )
    return problems
