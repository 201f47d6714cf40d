"""`flip()`: the only writer of DB rows (runbook section 2)."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.utils import timezone

from audit.actor import Actor
from audit.ages import age
from audit.services import audited
from flags import policy
from flags.layers import Source, word
from flags.refusals import DbLayerOff, EnvironmentNotServed, StateMoved
from flags.state import Environment, FlagState, read_state
from flags.writing import LostRace, write

_SEEN = re.compile(r"db:([0-9a-f]{32})?:[01]|(env|yaml)::[01]")


class Outcome(StrEnum):
    FLIPPED = "flipped"
    PINNED = "pinned"
    """The same value, now from a DB row instead of env or yaml."""
    ALREADY = "already"
    """The row had that value; nothing was written."""


@dataclass(frozen=True, slots=True)
class Flip:
    """What a flip did, and the state after it."""

    outcome: Outcome
    state: FlagState


def is_seen_token(text: str) -> bool:
    """Whether `text` can be a `FlagState.seen`."""
    return _SEEN.fullmatch(text) is not None


def flip(
    key: str,
    env: str,
    value: bool,
    *,
    actor: Actor,
    seen: str,
    reason: str = "",
    incident: str = "",
    now: datetime | None = None,
) -> Flip:
    """Set flag `key` to `value` in `env`: policy, compare-and-swap, audit row, invalidation.

    One transaction or nothing; a caller's own transaction around it is `audited()`. `seen` is the
    `FlagState.seen` that the actor acted upon. A value that the row already has is answered as
    done, and nothing is written; a value that env or yaml gives may be flipped to itself, which
    writes the row ("pin").

    Raises, in this order: UndeclaredFlag; RoleForbidden; EnvironmentNotServed; DbLayerOff;
    StateMoved (with the fresh state) when the value is no longer the one that was seen;
    ElevationRequired. Source: runbook sections 2, 4 and 5.
    """
    now = now or timezone.now()
    try:
        with audited():
            state = read_state(key, env)
            policy.check_role(actor, state.declaration.risk)
            check_environment(state.environment)
            if state.is_set_to(value):
                return Flip(Outcome.ALREADY, state)
            if state.seen != seen:
                raise _moved(state)
            policy.check_elevation(actor, state.declaration.risk)
            why = {"reason": reason, "incident": incident}
            after = write(state, value, actor, now, why)
            # The swap may have waited for another one's.
            policy.check_elevation(actor, state.declaration.risk, afresh=True)
            return Flip(Outcome.PINNED if state.value == value else Outcome.FLIPPED, after)
    except LostRace:
        state = read_state(key, env)
        if state.is_set_to(value):
            return Flip(Outcome.ALREADY, state)
        raise _moved(state) from None


def pin(
    key: str, env: str, *, actor: Actor, seen: str, reason: str = "", now: datetime
) -> FlagState:
    """Give flag `key` a DB row with the value that config var or YAML gives it in `env`.

    A flip to the value that it has, by whoever may flip it, and as such in the log. Elevation
    guards a change of value (runbook section 5): none is made here. Returns the state after it.

    Raises, in this order: UndeclaredFlag; RoleForbidden; EnvironmentNotServed; DbLayerOff;
    StateMoved (with the fresh state) when the value is no longer the one that was seen.
    """
    try:
        with audited():
            state = read_state(key, env)
            policy.check_role(actor, state.declaration.risk)
            check_environment(state.environment)
            if state.seen != seen or state.source is Source.DB:
                raise _moved(state)
            return write(state, state.value, actor, now, {"reason": reason})
    except LostRace:
        raise _moved(read_state(key, env)) from None


def check_environment(where: Environment) -> None:
    """Raises EnvironmentNotServed or DbLayerOff where no flag there can be flipped from here."""
    check_served(where.name)
    if where.is_own:
        check_db_layer()
        return
    told = where.told
    if told is not None and not told.db_layer:
        raise DbLayerOff(
            f"The database layer is off in {where.name} (FLAG_CONSOLE_FEATURE_FLAGS_DB is not 1 "
            f"there, as {told.app} reported {age(told.at)}): a row would change nothing, so none "
            "was written."
        )


def check_db_layer() -> None:
    """Raises DbLayerOff where this deployment does not heed DB rows."""
    if not settings.FLAG_CONSOLE_FEATURE_FLAGS_DB:
        raise DbLayerOff(
            "The database layer is off (FLAG_CONSOLE_FEATURE_FLAGS_DB is not 1): "
            "a row would change nothing, so none was written. Until it is on, config vars decide."
        )


def check_served(env: str) -> None:
    """Raises EnvironmentNotServed where `env` is none of this console's."""
    if env not in settings.CONSOLE_ENVIRONMENTS:
        raise EnvironmentNotServed(f"This console may not change {env}.")


def _moved(state: FlagState) -> StateMoved:
    return StateMoved(
        f"It was changed meanwhile: it is {word(state.value)} in {state.env} now."
        " Nothing was changed by you.",
        state,
    )
