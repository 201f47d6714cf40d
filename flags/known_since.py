"""Since when a flag's present value is known to hold: by its row and the log, by reports, or by
what was declared. Writes nothing."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from audit.models import AuditEntry
from flags.config_vars import SWITCH_KEY
from flags.heroku.reported import Reported
from flags.history import LastChange, changes_of
from flags.layers import Source
from flags.models import ConfigVar, DeclaredFlag
from flags.state import FlagState

DECLARED = "console.flags.declared"


@dataclass(frozen=True, slots=True)
class Since:
    """A value holds at least since `moment`, None where nobody knows; `who` gave it to the row."""

    moment: datetime | None
    who: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of one environment's layers over time, by flag key."""

    changes: Mapping[str, LastChange]
    variables: Mapping[str, ConfigVar]
    declared: Mapping[str, datetime]
    layer_moved: datetime | None


def known_since(states: Collection[FlagState], console: Reported | None) -> dict[str, Since]:
    """Since when each flag's value is known to hold, by flag key: at most five queries.

    `states` are of one environment, and `console` is what its console reported last. Of a row it is
    the later of its `updated_at` and of the audit row that accounts for it: raw SQL may leave the
    one out. A config var holds since the report that told of it first, a default since the
    release that declared it. What was taken away from above it, a row, a config var or the whole
    DB layer, counts as a change.
    """
    if not states:
        return {}
    env = next(iter(states)).env
    variables = ConfigVar.objects.filter(app=console.app, env=env) if console else ()
    by_key = {var.flag_key: var for var in variables}
    told = _Told(changes_of(states), by_key, _declared(env, states), _moved(console, by_key))
    return {state.key: _since(state, told) for state in states}


def _since(state: FlagState, told: _Told) -> Since:
    change, var = told.changes.get(state.key), told.variables.get(state.key)
    moments: list[datetime | None] = []
    who = ""
    if state.row and told.layer_moved:
        moments.append(told.layer_moved)
    if change:
        moments.append(change.when)
    if state.source is Source.DB and state.row:
        moments.append(state.row.updated_at)
        who = change.who if change else ""
    elif state.source is Source.ENV:
        is_told = var is not None and var.removed_at is None and var.value is state.value
        moments.append(var.first_seen_at if var and is_told else None)
    else:
        moments.append(told.declared.get(state.key))
        if var:
            # It went, or is set to no boolean, and so does not answer.
            moments.append(var.removed_at or var.first_seen_at)
    known = [moment for moment in moments if moment]
    return Since(max(known) if len(known) == len(moments) else None, who)


def _moved(console: Reported | None, variables: Mapping[str, ConfigVar]) -> datetime | None:
    """When the DB layer was seen to be switched last; None where it never was."""
    switch = variables.get(SWITCH_KEY)
    if console is None or switch is None:
        return None
    seen = [switch.first_seen_at, switch.removed_at]
    return max((at for at in seen if at and at > console.report.first_at), default=None)


def _declared(env: str, states: Iterable[FlagState]) -> dict[str, datetime]:
    """Since when each flag is declared as it is. What the log does not tell of is known since the
    last release that wrote it down; a default that no release wrote down yet is left out."""
    defaults = {state.key: state.declaration.default for state in states}
    listed = DeclaredFlag.objects.filter(env=env)
    found = {
        key: synced_at
        for key, default, synced_at in listed.values_list("flag_key", "default_value", "synced_at")
        if defaults.get(key) is default
    }
    logged = AuditEntry.objects.filter(action=DECLARED, target_id=env).order_by("pk")
    for payload, created_at in logged.values_list("payload", "created_at"):
        for key in (*(payload.get("added") or ()), *(payload.get("changed") or ())):
            if key in found:
                found[key] = created_at
    return found
