"""Who changed a flag last, and what happened to it before: read from the audit log."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from audit.ages import age
from audit.models import AuditEntry
from flags.models import FeatureFlag


@dataclass(frozen=True, slots=True)
class LastChange:
    """Who gave a DB row its value, and when. `who` is "" for a change outside the console."""

    who: str
    when: datetime

    @property
    def outside(self) -> bool:
        return not self.who

    def __str__(self) -> str:
        return f"{self.who or 'outside the console'}, {age(self.when)}"


def last_changes(rows: Iterable[FeatureFlag]) -> dict[str, LastChange]:
    """The last change of each row by flag key, with one query.

    A row is believed only where the audit entry of its version tells of the same value and the same
    moment: raw SQL changes the row and leaves its old version and author standing.
    """
    rows = list(rows)
    entries = {
        entry.change_id: entry
        for entry in AuditEntry.objects.filter(
            change_id__in=[row.change_id for row in rows if row.change_id]
        )
    }
    changes = {}
    for row in rows:
        entry = entries.get(row.change_id)
        told = entry and entry.payload["to"] == bool(row.value)
        sure = told and entry and entry.created_at == row.updated_at
        changes[row.flag_key] = LastChange(entry.actor if entry and sure else "", row.updated_at)
    return changes


def flip_history(key: str, *, limit: int = 50) -> list[AuditEntry]:
    """The latest audit entries about one flag, in every environment, newest first."""
    about = AuditEntry.objects.filter(target_type="feature_flag", target_id=key)
    return list(about.order_by("-created_at", "-id")[:limit])
