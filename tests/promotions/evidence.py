"""What database and audit log say after each step, held against the rules and the world."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from audit.models import AuditEntry, AuditLink
from flags.declarations import Risk
from flags.models import FeatureFlag
from promotions.models import Promotion, State
from promotions.policy import phrase
from tests.promotions.world import ENVS, PROD, STAGING, Course, Who, World

_ENTRY = ("id", "action", "channel", "target_id", "payload", "context", "change_id", "admin_id")


class Evidence:
    """Reads on where it stopped reading the log; of the rows it keeps which version was which."""

    def __init__(self, people: dict[str, int]) -> None:
        self._people = people
        self._read = AuditEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0
        self._steps: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self._flips: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self._versions: dict[tuple[str, str, int], UUID] = {}
        self._promoted: set[int] = set()

    def check(self, world: World, attempt: tuple[Who, str] | None) -> None:
        """`attempt` is who promoted, if that was the step, and what they typed."""
        self._check_log(world)
        self._check_rows(world)
        rows = {row["id"]: row for row in Promotion.objects.values()}
        assert rows.keys() == {course.pk for course in world.courses}
        still_open = [row["flag_key"] for row in rows.values() if row["state"] in _OPEN]
        assert len(still_open) == len(set(still_open)), "two open promotions of one flag"
        for course in world.courses:
            row = rows[course.pk]
            self._check_row(row, course)
            self._check_told(row)
            if row["state"] == State.PROMOTED and course.pk not in self._promoted:
                self._promoted.add(course.pk)
                _check_soaked(row, course, world)
                _check_proof(course, world, attempt)

    def _check_log(self, world: World) -> None:
        """The step wrote what it must, in this order, and nothing else; its rows have links."""
        told = list(AuditEntry.objects.filter(id__gt=self._read).order_by("id").values(*_ENTRY))
        said = [(row["target_id"], _step(row), row["channel"]) for row in told]
        assert said == world.told
        world.told = []
        if not told:
            return
        self._read = told[-1]["id"]
        ours = {one["id"] for one in told if one["channel"] != "sql"}
        linked = AuditLink.objects.filter(audit_id__in=ours).values_list("audit_id", flat=True)
        assert set(linked) == ours, "an audit row is not sealed"
        for one in told:
            if "promotion" in one["payload"]:
                self._steps[one["payload"]["promotion"]].append(one)
            elif one["channel"] == "promotion":
                self._flips[one["context"]["promotion"]].append(one)

    def _check_rows(self, world: World) -> None:
        """Each environment's rows have the values of the world, and a new version for each change
        that the machine made: nobody else made one."""
        found = {(row.flag_key, row.env): row for row in FeatureFlag.objects.all()}
        for (flag, env), seat in world.seats.items():
            row = found.pop((flag, env), None)
            assert (row and bool(row.value)) == (seat.row and seat.row.value), (flag, env)
            if row is None:
                continue
            known = self._versions.get((flag, env, seat.version))
            if known is None:
                assert row.change_id and row.change_id not in self._versions.values()
                self._versions[flag, env, seat.version] = row.change_id
            else:
                assert row.change_id == known, f"{flag} in {env} has another version"
        assert not found

    def _check_row(self, row: dict[str, Any], course: Course) -> None:
        want = {
            "flag_key": course.flag,
            "value": course.value,
            "state": course.state,
            "four_eyes": course.four_eyes,
            "marked_at": course.marked_at,
            "soak_ends_at": course.soak_ends,
            "expires_at": course.expires,
            "staging_change_id": self._versions[course.flag, STAGING, course.version],
        }
        for name in ("marked_by", "approved_by", "promoted_by", "rejected_by"):
            want[f"{name}_id"] = self._people.get(getattr(course, name) or "")
        assert {name: row[name] for name in want} == want
        if row["four_eyes"] and row["approved_by_id"]:
            assert row["approved_by_id"] != row["marked_by_id"], "four eyes"

    def _check_told(self, row: dict[str, Any]) -> None:
        """One audit row for each step that it took, by whom it names; one flip, if promoted."""
        state, steps, flips = row["state"], self._steps[row["id"]], self._flips[row["id"]]
        want = ["mark_promote", *(["approved"] if row["approved_by_id"] else [])]
        want += [state] if state not in _OPEN else []
        assert [_step(step) for step in steps] == want
        for action, step in zip(want, steps, strict=True):
            payload = {"flag": row["flag_key"], "promotion": row["id"], "value": row["value"]}
            payload |= {"reason": row["reason"]} if action == "rejected" else {}
            who = row[f"{_DOER[action]}_id"] if action in _DOER else None
            assert (step["payload"], step["admin_id"]) == (payload, who)
        assert len(flips) == (state == State.PROMOTED), f"{len(flips)} flips, {state}"
        for flip in flips:
            said = [flip["payload"][name] for name in ("flag", "env", "to")]
            assert said == [row["flag_key"], PROD, row["value"]]
            assert flip["change_id"] == row["prod_change_id"]
            assert flip["admin_id"] == row["promoted_by_id"]
            assert steps[-2]["id"] < flip["id"] < steps[-1]["id"]


_OPEN = (State.PENDING, State.APPROVED)
_DOER = {
    "mark_promote": "marked_by",
    "approved": "approved_by",
    "promoted": "promoted_by",
    "rejected": "rejected_by",
}


def _step(entry: dict[str, Any]) -> str:
    return entry["action"].removeprefix("console.flag.")


def _check_soaked(row: dict[str, Any], course: Course, world: World) -> None:
    """Staging held the value, unbroken, for as long as was declared when it was marked."""
    held = world.seats[course.flag, STAGING].row
    assert held, "staging holds nothing"
    assert (held.value, held.span) == (row["value"], course.span)
    assert row["promoted_at"] == world.now
    assert held.since <= course.marked_at
    assert world.now - course.marked_at >= course.soak
    assert world.now < course.expires


def _check_proof(course: Course, world: World, attempt: tuple[Who, str] | None) -> None:
    assert attempt, "nobody promoted it"
    who, typed = attempt
    assert who.is_superadmin
    risks = {seat.declared.risk for env in ENVS if (seat := world.seats[course.flag, env]).declared}
    if Risk.HIGH in risks:
        assert who.elevated
        assert typed == phrase(course.flag)
