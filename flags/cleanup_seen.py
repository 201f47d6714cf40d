"""What the clean-up list is made of: both environments as the database has them now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from flags.heroku.deprecation import Line, lines
from flags.heroku.reported import Reported, consoles, everyone
from flags.layers import resolve
from flags.models import Env, ServiceToken
from flags.slots import companion
from flags.state import FlagState, read_states


@dataclass(frozen=True, slots=True)
class Seen:
    """Both environments as the database has them now: `here` is the one that the list is of."""

    env: str
    here: Mapping[str, FlagState]
    there: Mapping[str, FlagState]
    told: Mapping[tuple[str, str], Reported]
    consoles: Mapping[str, Reported]
    """The consoles' reports by environment, without what is too old to count."""
    vars: Mapping[str, Sequence[Line]]
    """The deprecation table's lines, by flag."""
    busy: Collection[str]
    services: Sequence[str]
    """The apps that read flags over HTTP, by their live tokens."""
    now: datetime
    key: str | None = None
    """The one flag that is looked at, None for all."""

    @property
    def other(self) -> str:
        """The other environment."""
        return other_than(self.env)

    @property
    def both(self) -> tuple[tuple[str, Mapping[str, FlagState]], ...]:
        """Each environment with its flags, its own first."""
        return (self.env, self.here), (self.other, self.there)

    def apps_of(self, env: str) -> list[Reported]:
        """What the apps of `env` reported, without what is too old to count."""
        return [
            each for each in self.told.values() if each.env == env and not each.is_old(self.now)
        ]


def look(env: str, now: datetime, *, key: str | None = None) -> Seen:
    """What the list of `env` is made of."""
    keys = None if key is None else [key]
    here, there = (_states(name, keys, now) for name in (env, other_than(env)))
    busy = set(companion().busy(list(here)))
    live = ServiceToken.objects.filter(revoked_at=None)
    services = sorted(set(live.values_list("app", flat=True)))
    told = everyone()
    by_env = consoles(each for each in told.values() if not each.is_old(now))
    by_flag: dict[str, list[Line]] = {}
    for line in lines(now, told, key=key):
        by_flag.setdefault(line.var.flag_key, []).append(line)
    return Seen(env, here, there, told, by_env, by_flag, busy, services, now, key)


def other_than(env: str) -> str:
    return next(name for name in Env.values if name != env)


def _states(env: str, keys: list[str] | None, now: datetime) -> dict[str, FlagState]:
    return {key: _as_known(state, now) for key, state in read_states(env, keys).items()}


def _as_known(state: FlagState, now: datetime) -> FlagState:
    """What was read in too long ago tells nothing of the config vars as they are now."""
    told = state.environment.told
    if told is None or not told.is_old(now):
        return state
    return replace(state, environment=replace(state.environment, config_vars=None))


def shows_config_vars(state: FlagState) -> bool:
    return state.environment.config_vars is not None


def is_known(state: FlagState) -> bool:
    """Whether its value does not hang on config vars that nobody reported."""
    return shows_config_vars(state) or state.resolution.db is not None


def equals_default(state: FlagState) -> bool:
    return state.row is not None and bool(state.row.value) is state.declaration.default


def would_change(seen: Seen, state: FlagState) -> bool:
    """Whether the flag would resolve to another value without its row: here, or in an app that
    reported, however long ago. As if rows were read, wherever they are not: the layer may be turned
    on again."""
    default = state.declaration.default
    said = [app.values.get(state.key) for app in seen.told.values() if app.env == state.env]
    said.append(state.resolution.env)
    return any(resolve(db=None, env=env, yaml=default).value is not default for env in said)


def in_app(state: FlagState, app: Reported) -> bool:
    """The flag's value in an app, by what the app reported."""
    return resolve(
        db=bool(state.row.value) if state.row and app.db_layer else None,
        env=app.values.get(state.key),
        yaml=state.declaration.default,
    ).value


def known_in_app(state: FlagState, app: Reported) -> datetime:
    """Since when what decides the flag in an app is known to be as it is, by what the app reported:
    its last change that was seen, else the first report, before which nobody knows. Where it is
    the row that decides, the log tells of that."""
    moments = [app.report.first_at, app.db_layer_moved if state.row else None]
    var = app.found.get(state.key) or app.gone.get(state.key)
    if var and not (state.row and app.db_layer):
        moments.append(var.removed_at or var.first_seen_at)
    return max(moment for moment in moments if moment)
