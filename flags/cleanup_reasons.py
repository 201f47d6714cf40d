"""Why a flag that was asked for by name is not in the clean-up list, in the order of the checks."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from flags.cleanup import Seen, in_app, is_known, look, other_than, would_change
from flags.config_vars import GATE_KEY
from flags.errors import UndeclaredFlag
from flags.heroku.reported import consoles
from flags.known_since import known_since
from flags.layers import word
from flags.state import FlagState


def why_not(key: str, env: str, days: int, now: datetime) -> list[str]:
    """Sentences, for a flag of which `clean_up` lists nothing: why it is not called settled, and
    why its row in `env` is not called removable. Raises UndeclaredFlag."""
    seen = look(env, now, key=key)
    if key not in seen.here:
        raise UndeclaredFlag(key, env)
    return [*_not_settled(seen, key, days), *_row_stays(seen, seen.here[key])]


def _not_settled(seen: Seen, key: str, days: int) -> Iterator[str]:
    other = other_than(seen.env)
    if key not in seen.there:
        yield f"It is not settled: {other} does not declare it."
        return
    states = seen.here[key], seen.there[key]
    if key == GATE_KEY:
        yield "It is the self-gate, which is there to be turned some day."
    elif key in seen.busy:
        yield "It is not settled: a promotion of it is open."
    elif states[0].value is not states[1].value:
        yield (
            f"It is not settled: {word(states[0].value)} in {seen.env}, "
            f"{word(states[1].value)} in {other}."
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
    else:
        yield from _too_young(seen, states, days)


def _too_young(seen: Seen, states: tuple[FlagState, FlagState], days: int) -> Iterator[str]:
    told = consoles(each for each in seen.told.values() if not each.is_old(seen.now))
    for state in states:
        since = known_since([state], told.get(state.env))[state.key]
        if since.moment is None:
            yield f"It is not called settled: nobody knows since when it is so in {state.env}."
        elif since.moment > seen.now - timedelta(days=days):
            yield (
                f"It is not settled: in {state.env} it is so since {since.moment:%Y-%m-%d %H:%M} "
                f"UTC, which is less than {days} days."
            )


def _row_stays(seen: Seen, state: FlagState) -> Iterator[str]:
    if state.row is None:
        return
    if bool(state.row.value) is not state.declaration.default:
        yield f"Its row in {state.env} is needed: it is not the default."
    elif state.key in seen.busy:
        yield f"Its row in {state.env} is needed: a promotion is open."
    elif would_change(seen, state):
        yield (
            f"Its row in {state.env} is needed: without it a config var would decide otherwise "
            "(deprecation_table shows which)."
        )
