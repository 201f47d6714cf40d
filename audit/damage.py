"""What can be wrong with the log, and the report that collects it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SHOWN = 20
"""How many places of one kind a report names; it counts them all."""


class Kind(StrEnum):
    """A class of damage."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    CUT_TAIL = "cut_tail"
    CUT_AND_REGROWN = "cut_and_regrown"
    FORGED_UNSEALED = "forged_unsealed"
    UNKNOWN_KEY = "unknown_key"
    MISSING_TRIGGER = "missing_trigger"
    FOREIGN_TRIGGER = "foreign_trigger"
    FLAG_UNACCOUNTED = "flag_unaccounted"


MEANING = {
    Kind.EDITED: "a row, or its link, is not what was sealed",
    Kind.DELETED: "a row or its link is gone",
    Kind.INSERTED: "a row stands in the chain that was never sealed",
    Kind.REORDERED: "links stand in another order than they were sealed in",
    Kind.CUT_TAIL: "the chain is shorter than a checkpoint says",
    Kind.CUT_AND_REGROWN: "the chain is not the one that a checkpoint signed",
    Kind.FORGED_UNSEALED: "a row that no trigger wrote has no link: the console did not write it, "
    "or a release did that knew no chain (then: python manage.py audit_adopt)",
    Kind.UNKNOWN_KEY: "a link was signed with a key that is not known here, or not any more "
    "(AUDIT_SIGNING_KEY, AUDIT_OLD_SIGNING_KEYS)",
    Kind.MISSING_TRIGGER: "a trigger that guards the log is not in place "
    "(python manage.py migrate --skip-checks installs it)",
    Kind.FOREIGN_TRIGGER: "a trigger or a rule on the log or the flags is none of this release's: "
    "it can change or swallow what is written (a newer release's, or somebody's)",
    Kind.FLAG_UNACCOUNTED: "a flag's row is not what the log says of it last",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where: the link's number, the audit row's id, or what else there is to name."""

    seq: int | None = None
    audit_id: int | None = None
    what: str = ""

    def __str__(self) -> str:
        parts = [
            f"link {self.seq}" if self.seq is not None else "",
            f"audit row {self.audit_id}" if self.audit_id is not None else "",
            self.what,
        ]
        return ", ".join(part for part in parts if part)

    def as_dict(self) -> dict[str, Any]:
        return {"seq": self.seq, "audit_id": self.audit_id, "what": self.what}


@dataclass(slots=True)
class Found:
    """All damage of one kind: how much, and the first places."""

    count: int = 0
    places: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """What a verification found. `checked` links were walked, up to the head at its start."""

    checked: int = 0
    found: dict[Kind, Found] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.found

    def add(
        self,
        kind: Kind,
        seq: int | None = None,
        audit_id: int | None = None,
        what: str = "",
        *,
        count: int = 1,
    ) -> None:
        found = self.found.setdefault(kind, Found())
        found.count += count
        if len(found.places) < SHOWN:
            found.places.append(Place(seq, audit_id, what))

    def as_dict(self) -> dict[str, Any]:
        """For programs: kinds in the order of `Kind`, each with its first place."""
        damage = [
            {
                "kind": kind.value,
                "count": self.found[kind].count,
                "first": self.found[kind].places[0].as_dict(),
                "places": [place.as_dict() for place in self.found[kind].places],
                "meaning": MEANING[kind],
            }
            for kind in Kind
            if kind in self.found
        ]
        return {"ok": self.ok, "checked": self.checked, "damage": damage, "notes": self.notes}
