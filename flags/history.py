"""Who changed a flag last, and what happened to it before: read from the audit log."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max, Q, QuerySet

from audit.actor import Channel
from audit.ages import age
from audit.models import AuditEntry
from flags.models import FeatureFlag
from flags.state import FlagState

FLIP, RECONCILED = "console.flag.flip", "console.flag.reconciled"
# What an audit row says that the flag is afterwards, by its action.
_TOLD_VALUE = {FLIP: "to", RECONCILED: "value"}
_ORIGIN = {
    "db_role": "Database role",
    "set_role": "Acting as",
    "application": "Application",
    "address": "Address",
}


@dataclass(frozen=True, slots=True)
class LastChange:
    """Who gave a DB row its value, or took the row away, and when.

    `value` is the row's, None where raw SQL removed the row. `version` is the `change_id` that the
    row has, or of its removal; `entry` the audit row that accounts for it, None where none does.
    """

    value: bool | None
    version: UUID | None
    entry: AuditEntry | None
    when: datetime

    @property
    def outside(self) -> bool:
        """Whether it did not come through the console, and no operator has reconciled it."""
        return self.entry is None or self.entry.channel == Channel.SQL

    @property
    def removed(self) -> bool:
        return self.value is None

    @property
    def reconciled(self) -> bool:
        return self.entry is not None and self.entry.action == RECONCILED

    @property
    def who(self) -> str:
        """The operator; of raw SQL what its audit row knows, such as "postgres, psql", or ""."""
        if self.entry is None:
            return ""
        if self.entry.channel != Channel.SQL:
            return self.entry.actor
        told = self.entry.context
        acted_as = f" as {told['set_role']}" if told.get("set_role") else ""
        return ", ".join(filter(None, [f"{self.entry.actor}{acted_as}", told.get("application")]))

    @property
    def origin(self) -> list[tuple[str, str]]:
        """What the database knows of whoever wrote raw SQL, each with its name."""
        told = self.entry.context if self.entry and self.outside else {}
        return [(name, str(told[key])) for key, name in _ORIGIN.items() if told.get(key)]

    @property
    def incident(self) -> str:
        return str(self.entry.context.get("incident", "")) if self.entry else ""

    @property
    def what(self) -> str:
        """What is odd about it; "" for a flip."""
        row = "row removed" if self.removed else "changed"
        if self.outside:
            return f"{row} outside the console"
        if self.reconciled:
            return f"{'row removed, ' if self.removed else ''}reconciled ({self.incident})"
        return ""

    @property
    def seen(self) -> str:
        """What an operator who reconciles it saw, as an opaque token: version and value.

        Not `FlagState.seen`: that has no version while the DB layer is off, nor without a row.
        """
        version = self.version.hex if self.version else ""
        return f"db:{version}:{'' if self.value is None else int(self.value)}"

    def __str__(self) -> str:
        parts = [self.what, self.who] if self.outside else [self.who, self.what]
        return ", ".join(filter(None, [*parts, age(self.when)]))


def changes_of(states: Collection[FlagState]) -> dict[str, LastChange]:
    """The last change of each flag by its key, with two queries; flags of one environment.

    Flags that have no row, and never lost one to raw SQL, are left out.
    """
    changes = last_changes(state.row for state in states if state.row)
    bare = [state.key for state in states if not state.row]
    env = next((state.env for state in states), "")
    return changes | (_removals(bare, env) if bare else {})


def last_changes(rows: Iterable[FeatureFlag]) -> dict[str, LastChange]:
    """The last change of each row by flag key, with one query.

    A row is believed only where the audit entry of its version tells of this very flag and value:
    a row that is older than the triggers may have a version that nobody accounts for, or none.
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
        if entry and _told(entry) != (row.flag_key, row.env, bool(row.value)):
            entry = None
        when = entry.created_at if entry else row.updated_at
        changes[row.flag_key] = LastChange(bool(row.value), row.change_id, entry, when)
    return changes


def answers_for(entry: AuditEntry | None, version: UUID) -> bool:
    """Whether this audit row is of an operator who reconciled the value of `version`."""
    if entry is None or entry.action != RECONCILED:
        return False
    return bool(entry.context.get("reconciled_change") == version.hex)


def _told(entry: AuditEntry) -> tuple[Any, ...]:
    """The flag, the environment, and the value that the flag's row has after this act."""
    said = entry.payload
    return said.get("flag"), said.get("env"), said.get(_TOLD_VALUE.get(entry.action, ""))


def _removals(keys: Collection[str], env: str) -> dict[str, LastChange]:
    """Of flags without a row those whose row raw SQL removed, with one query.

    Only raw SQL removes a row, so its latest act on such a flag says how the row went. The
    reconciliation that answers for it names it: which of the two was committed first, the order of
    their numbers does not tell.
    """
    by_sql = _latest(channel=Channel.SQL).filter(payload__to=None)
    reconciled = _latest(action=RECONCILED).filter(payload__value=None)
    entries = [
        entry
        for entry in by_sql.union(reconciled, all=True)
        if entry.target_id in keys and _told(entry) == (entry.target_id, env, None)
    ]
    answers = {entry.context.get("reconciled_change"): entry for entry in entries}
    changes = {}
    for removal in entries:
        if removal.channel == Channel.SQL and removal.change_id:
            entry = answers.get(removal.change_id.hex, removal)
            change = LastChange(None, removal.change_id, entry, entry.created_at)
            changes[removal.target_id] = change
    return changes


def latest_removals(keys: Collection[str]) -> dict[tuple[str, str], int]:
    """The audit row of the latest removal of each flag's DB row, by flag key and environment."""
    # Raw SQL may have made the row anew since, and that is its latest act then.
    removals = _latest(Q(payload__to=None), channel=Channel.SQL)
    return {
        (entry.target_id, entry.payload["env"]): entry.pk
        for entry in removals
        if entry.target_id in keys and isinstance(entry.payload.get("env"), str)
    }


def _latest(*among: Q, **rare: str) -> QuerySet[AuditEntry]:
    """Of such rows, which are rare in the log, the latest about each flag in each environment.

    An index finds them by `rare` alone, however long the log is. They are not asked for by flag: of
    one flag the log may tell a million times, and SQLite would look through all of that.
    """
    latest = AuditEntry.objects.filter(*among, **rare).values("target_id", "payload__env")
    return AuditEntry.objects.filter(pk__in=latest.annotate(latest=Max("id")).values("latest"))


def flip_history(key: str, *, limit: int = 50) -> list[AuditEntry]:
    """The latest audit entries about one flag, in every environment, newest first."""
    about = AuditEntry.objects.filter(target_type="feature_flag", target_id=key)
    return list(about.order_by("-id")[:limit])
