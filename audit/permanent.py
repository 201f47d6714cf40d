"""What makes a migration of the audit log irreversible, and says why."""

from typing import Any

from django.db import migrations
from django.db.migrations.exceptions import IrreversibleError

from audit.triggers import STAYS


def _stays(apps: Any, schema_editor: Any) -> None:
    raise IrreversibleError(STAYS)


PERMANENT = migrations.RunPython(migrations.RunPython.noop, _stays)
"""The last operation of each migration of the log: the first to be undone."""
