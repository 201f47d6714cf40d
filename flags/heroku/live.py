"""DB rows, and since when there has been one without a gap."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import BigIntegerField, Case, OuterRef, Q, Subquery, Value, When

from audit.models import PAYLOAD_ENV, AuditEntry
from flags.history import FLIP, latest_removals
from flags.models import FeatureFlag


@dataclass(frozen=True, slots=True)
class Live:
    """A DB row, and the audit row of the flip since which there has been one without a gap."""

    row: FeatureFlag
    entry: AuditEntry | None

    @property
    def audit_id(self) -> int | None:
        return self.entry.pk if self.entry else None

    @property
    def since(self) -> datetime:
        return self.entry.created_at if self.entry else self.row.updated_at


def live_rows(keys: Collection[str]) -> dict[tuple[str, str], Live]:
    """The DB rows of these flags by flag key and environment, with the flips that began them.

    A row that raw SQL removed and somebody made anew began when it was made anew.
    """
    rows = FeatureFlag.objects.filter(flag_key__in=keys)
    gaps = [
        When(Q(flag_key=key, env=env), then=Value(pk))
        for (key, env), pk in latest_removals(keys).items()
    ]
    after = Case(*gaps, default=Value(0), output_field=BigIntegerField())
    flips = AuditEntry.objects.filter(
        target_type="feature_flag", target_id=OuterRef("flag_key"), action=FLIP
    )
    flips = flips.alias(told_env=PAYLOAD_ENV).filter(told_env=OuterRef("env"))
    first = flips.filter(pk__gt=OuterRef("after")).order_by("pk").values("pk")[:1]
    rows = rows.annotate(after=after).annotate(began=Subquery(first))
    found = list(rows)
    entries = AuditEntry.objects.in_bulk([row.began for row in found if row.began])
    return {(row.flag_key, row.env): Live(row, entries.get(row.began)) for row in found}
