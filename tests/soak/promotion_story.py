"""What the log tells of promotions, held against their rows, and against the order of commits."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from audit.models import AuditEntry
from promotions.models import Promotion
from tests.processes import raw_sql

CHANGED = "staging's change"
_ENDINGS = {
    "promoted": ["flip", "promoted"],
    "rejected": ["rejected"],
    "expired": ["expired"],
}


@dataclass(frozen=True, slots=True)
class Round:
    """What each of its two sides was told, and how things stood in the end."""

    kind: str
    first: dict[str, Any]
    second: dict[str, Any]
    ended: dict[str, Any]

    @property
    def told(self) -> tuple[str, str]:
        """A refusal without words tells nobody anything."""
        first, second = (
            "nothing said" if one["outcome"] == "refused" and not one["text"] else one["outcome"]
            for one in (self.first, self.second)
        )
        return first, second

    @property
    def state(self) -> str:
        """The promotion's; "" where it is about marks, and nothing was marked."""
        marks = "mark" in self.kind
        return self.ended["state"] if self.ended["marked"] is marks else ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.first}, {self.second}, {self.ended}"


@dataclass(frozen=True, slots=True)
class Step:
    """An audit row: its place in the log and in the chain."""

    action: str
    channel: str
    change: str
    id: int
    seq: int

    def is_before(self, other: "Step") -> bool:
        return self.id < other.id and self.seq < other.seq


@dataclass(frozen=True, slots=True)
class Steps:
    """All audit rows: those of each promotion, and those of each version of a flag's row."""

    of_promotion: dict[int, list[Step]]
    of_change: dict[str, Step]


def told_steps() -> Steps:
    """What the log has of promotions and flips, once all of it is sealed."""
    seqs = dict(raw_sql.rows("SELECT audit_id, seq FROM console_audit_chain"))
    steps = Steps(defaultdict(list), {})
    for entry in AuditEntry.objects.filter(target_type="feature_flag").order_by("id"):
        change = entry.change_id.hex if entry.change_id else ""
        action = entry.action.removeprefix("console.flag.")
        step = Step(action, entry.channel, change, entry.pk, seqs[entry.pk])
        if change:
            steps.of_change[change] = step
        promotion = entry.payload.get("promotion") or entry.context.get("promotion")
        if promotion:
            steps.of_promotion[promotion].append(step)
    return steps


def assert_each_promotion_is_told_once(steps: Steps) -> None:
    """Marked, approved where it was, and ended at most once; prod flips in a promoted one alone."""
    promotions = list(Promotion.objects.all())
    assert steps.of_promotion.keys() == {promotion.pk for promotion in promotions}
    for promotion in promotions:
        told = steps.of_promotion[promotion.pk]
        approved = ["approved"] if promotion.approved_at else []
        expected = ["mark_promote", *approved, *_ENDINGS.get(promotion.state, [])]
        assert [step.action for step in told] == expected, promotion
        assert told == sorted(told, key=lambda step: step.seq), promotion
        flips = [step.change for step in told if step.channel == "promotion"]
        version = promotion.prod_change_id
        assert flips == ([version.hex] if version else []), promotion


def overtaken(rounds: Iterable[Round], steps: Steps) -> Iterator[str]:
    """Rounds in which staging changed beside a promotion, and prod's flip was committed after that.

    Whoever changed staging looked at the promotion right after the commit: one that was open then
    and was promoted all the same was promoted on the strength of a value that was gone. The numbers
    say it too: the chain's lock is held until the commit, so its order is that of `flip()`'s
    commits; and the audit row of raw SQL is written by whoever has staging's row.
    """
    for one in rounds:
        if not one.kind.startswith("promote/staging"):
            continue
        told = steps.of_promotion[one.ended["promotion"]]
        change, seen = steps.of_change[one.ended["staging"]], one.second["looked"]
        by_sql = change.channel == "sql"
        if one.state == "promoted":
            in_order = max(step.seq for step in told) < change.seq
            if by_sql:
                in_order &= max(step.id for step in told) < change.id
            held = seen == "promoted"
        else:
            in_order = change.is_before(told[-1])
            held = seen == "rejected" or (seen == "pending" and by_sql)
        if not (held and in_order):
            yield f"{one}: {seen} after staging's change {change}, {told}"
