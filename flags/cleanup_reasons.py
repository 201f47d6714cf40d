"""Why a flag, or a row, is not in the clean-up list: the list is what has no such reason."""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta

from flags.cleanup_seen import (
    Seen,
    equals_default,
    in_app,
    is_known,
    known_in_app,
    would_change,
)
from flags.config_vars import GATE_KEY
from flags.heroku.deprecation import Stage
from flags.heroku.table import missing
from flags.known_since import Since, known_since
from flags.layers import word
from flags.state import FlagState

_ON_THEIR_WAY = (Stage.DORMANT, Stage.SOAKING, Stage.SOAKED)
_TABLE = "the deprecation table, /console/config-vars"


def vars_first(seen: Seen, key: str) -> Iterator[str]:
    """Why its row does not go before its config vars: that would take away what they wait for
    (runbook section 8)."""
    for line in seen.vars.get(key, ()):
        if line.stage in _ON_THEIR_WAY:
            yield (
                f"Its config var goes first: {line.var} is {line.stage} by {_TABLE}: "
                f"{missing(line)}. See to that, wait until it is ready, and unset it."
            )


def not_alike(seen: Seen, key: str) -> Iterator[str]:
    """Why it has not one value wherever it can be seen, or something is under way with it.

    The self-gate never counts: it is there to be turned some day.
    """
    if key not in seen.there:
        yield f"It is not settled: {seen.other} does not declare it."
        return
    states = seen.here[key], seen.there[key]
    if key == GATE_KEY:
        yield "It is the self-gate, which is there to be turned some day."
    elif key in seen.busy:
        yield "It is not settled: a promotion of it is open."
    elif states[0].value is not states[1].value:
        yield (
            f"It is not settled: {word(states[0].value)} in {seen.env}, "
            f"{word(states[1].value)} in {seen.other}."
        )
    elif unknown := [state.env for state in states if not is_known(state)]:
        yield (
            f"Whether it is settled cannot be seen: in {' and '.join(unknown)} its value hangs on "
            "config vars that nobody reported."
        )
    elif apps := [
        app.app
        for state in states
        for app in seen.apps_of(state.env)
        if in_app(state, app) is not state.value
    ]:
        yield (
            f"It is not settled: in {' and '.join(apps)} it is {word(not states[0].value)}, by the "
            "last report."
        )


def since_of(seen: Seen, keys: Collection[str]) -> dict[str, dict[str, Since]]:
    """Since when each of these flags, which both environments declare, has its value, by key and
    environment. Always the same number of queries."""
    by_env = {
        env: known_since([states[key] for key in keys], seen.consoles.get(env))
        for env, states in seen.both
    }
    return {key: {env: since[key] for env, since in by_env.items()} for key in keys}


def too_young(seen: Seen, key: str, held: Mapping[str, Since], days: int) -> Iterator[str]:
    """Why its value is not known to have held for `days` in both environments, given since when it
    is, or in an app that reported."""
    moments = []
    for env, since in held.items():
        if since.moment is None:
            yield f"It is not called settled: nobody knows since when it is so in {env}."
        else:
            moments.append((env, since.moment))
    for env, states in seen.both:
        others = [app for app in seen.apps_of(env) if app is not seen.consoles.get(env)]
        moments += [(app.app, known_in_app(states[key], app)) for app in others]
    for where, moment in moments:
        if moment > seen.now - timedelta(days=days):
            yield (
                f"It is not called settled: in {where} it is known to be so since "
                f"{moment:%Y-%m-%d %H:%M} UTC, which is less than {days} days."
            )


def row_stays(seen: Seen, state: FlagState) -> Iterator[str]:
    """Why its DB row may not go; nothing for one without a row, or whose row nobody needs."""
    if state.row is None:
        return
    if not equals_default(state):
        yield f"Its row in {state.env} is needed: it is not the default."
    elif state.key in seen.busy:
        yield f"Its row in {state.env} is needed: a promotion is open."
    elif would_change(seen, state):
        yield (
            f"Its row in {state.env} is needed: without it a config var would decide otherwise "
            "(deprecation_table shows which)."
        )
    else:
        for line in seen.vars.get(state.key, ()):
            # Of one that is ready in its own environment the list itself says so.
            if line.stage is Stage.READY and line.var.env != state.env:
                yield (
                    f"Its row in {state.env} is needed: without it {line.var} would not be ready "
                    f"to be removed. Unset that first, as {_TABLE}, says."
                )
            elif line.stage is Stage.ACTIVE:
                yield (
                    f"Its row in {state.env} is needed: {line.var} is active by {_TABLE}, and is "
                    f"ready only with a row in both environments: {missing(line)}."
                )
