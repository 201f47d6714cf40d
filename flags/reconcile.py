"""`reconcile()`: an operator answers for a value that was changed outside the console.

Runbook section 6, last paragraph: after a break-glass change the log shall reflect the true state.
"""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from audit.actor import Actor
from audit.services import audited, record
from flags import policy
from flags.declarations import is_storable
from flags.history import RECONCILED, LastChange, changes_of
from flags.layers import word
from flags.models import MAX_INCIDENT_LENGTH, DeclaredFlag, FeatureFlag
from flags.refusals import IncidentNeeded, StateMoved
from flags.services import check_served
from flags.state import FlagState, read_state, read_states
from flags.writing import LostRace

LIMITS = {"incident": MAX_INCIDENT_LENGTH, "reason": 1000}
"""At most so many characters of each."""
_SEEN = re.compile(r"db:([0-9a-f]{32})?:[01]?")


@dataclass(frozen=True, slots=True)
class Marked:
    """A flag and its last change; `change.outside` says whether there is something to reconcile."""

    state: FlagState
    change: LastChange | None

    @property
    def outside(self) -> LastChange | None:
        """The change to reconcile, if there is one."""
        return self.change if self.change and self.change.outside else None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What came of it: `done`, or there was nothing to reconcile and nothing was written."""

    done: bool
    now: Marked


def is_seen_token(text: str) -> bool:
    """Whether `text` can be a `LastChange.seen`."""
    return _SEEN.fullmatch(text) is not None


def look(key: str, env: str) -> Marked:
    """One flag and its last change, from the database. Raises UndeclaredFlag."""
    state = read_state(key, env)
    return Marked(state, changes_of([state]).get(key))


def marked(env: str) -> list[Marked]:
    """All declared flags of `env` that are marked as changed outside the console."""
    states = read_states(env)
    changes = changes_of(states.values())
    found = [Marked(states[key], changes.get(key)) for key in sorted(states)]
    return [each for each in found if each.outside]


def reconcile(
    key: str,
    env: str,
    *,
    actor: Actor,
    seen: str,
    incident: str,
    reason: str = "",
    now: datetime | None = None,
) -> Reconciled:
    """Answer for the value that raw SQL gave flag `key` in `env`: an audit row with the incident.

    One transaction or nothing; the value stays as it is. `seen` is the `LastChange.seen` that the
    actor acted upon. It takes the role that may flip flags of that risk, and no elevation, not even
    for high risk: elevation guards a change of value (runbook section 5), and none is made here.
    For the same reason it works while the DB layer is off.

    Raises, in this order: UndeclaredFlag; IncidentNeeded; RoleForbidden; EnvironmentNotServed;
    StateMoved (with the fresh state) when the last change is another one than was seen.
    """
    now = now or timezone.now()
    try:
        with audited():
            at = look(key, env)
            why = told_why(incident, reason)
            policy.check_role(actor, at.state.declaration.risk)
            check_served(env)
            if at.outside and at.state.row is None:
                at = _alone_with(at.state)
            change = at.outside
            if change is None:
                return Reconciled(done=False, now=at)
            if change.seen != seen:
                raise _moved(at)
            return Reconciled(done=True, now=_write(at.state, change, actor, now, why))
    except LostRace:
        at = look(key, env)
        if at.outside is None:
            return Reconciled(done=False, now=at)
        raise _moved(at) from None


def told_why(incident: str, reason: str) -> dict[str, str]:
    """Incident and reason as the log keeps them, blanks single. Raises IncidentNeeded."""
    why = {"incident": " ".join(incident.split()), "reason": " ".join(reason.split())}
    if not why["incident"]:
        raise IncidentNeeded("Name the incident: the audit log keeps it. Nothing was changed.")
    for name, most in LIMITS.items():
        if len(why[name]) > most:
            raise IncidentNeeded(
                f"The {name} is longer than {most} characters. Nothing was changed."
            )
        if not is_storable(why[name]):
            raise IncidentNeeded(f"The {name} has a control character. Nothing was changed.")
    return why


def _alone_with(state: FlagState) -> Marked:
    """The flag as it is once every other reconciliation of its removed row is over.

    Without a row there is nothing to compare and swap: whoever locks the flag's declared row goes
    first. Not the audit row: the console's role may have no right to change one, nor so to lock it.
    (On SQLite nothing is locked; there, writing transactions come one at a time.)
    """
    declared = DeclaredFlag.objects.filter(flag_key=state.key, env=state.env)
    declared.select_for_update().first()
    return Marked(state, changes_of([state]).get(state.key))


def _moved(at: Marked) -> StateMoved:
    row = at.state.row
    now = f"its row in {at.state.env} says {word(bool(row.value))}" if row else "it has no row"
    last = f" ({at.change})" if at.change else ""
    return StateMoved(
        f"It was changed again meanwhile: {now} now{last}. Nothing was reconciled.", at.state
    )


def _write(
    state: FlagState, change: LastChange, actor: Actor, now: datetime, why: dict[str, str]
) -> Marked:
    """The audit row first, then the swap; a lost swap takes the audit row with it."""
    row = state.row
    entry = record(
        actor,
        RECONCILED,
        target_type="feature_flag",
        target_id=state.key,
        payload={"flag": state.key, "env": state.env, "value": change.value},
        context=why | {"reconciled_change": change.version.hex if change.version else ""},
        change_id=uuid.uuid4() if row else None,
        now=now,
    )
    if row is None:
        return Marked(state, LastChange(None, change.version, entry, now))
    swapped = FeatureFlag.objects.filter(
        pk=row.pk, change_id=row.change_id, value=row.value
    ).update(change_id=entry.change_id, updated_by=actor.user)
    if not swapped:
        raise LostRace
    row.change_id, row.updated_by = entry.change_id, actor.user
    fresh = state.environment.state(state.key, row)
    return Marked(fresh, LastChange(change.value, entry.change_id, entry, now))
