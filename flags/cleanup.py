"""The clean-up list: flags and rows that nobody needs any more, with why and what to do next.

A flag that is on, or off, in both environments and unchanged for DAYS; a DB row equal to its
default; a DB row without a declaration. Each is proved as `flags.heroku.deprecation` proves config
vars: by resolving with and without. What cannot be seen from here is said, never guessed. Nothing
is removed here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings

from flags import cleanup_steps as steps
from flags.cleanup_steps import Entry, Reason
from flags.config_vars import GATE_KEY
from flags.heroku.reported import Reported, console_app, consoles, everyone
from flags.heroku.table import apps
from flags.history import LastChange, changes_of
from flags.known_since import known_since
from flags.layers import resolve
from flags.models import Env, FeatureFlag, ServiceToken
from flags.rows import orphans
from flags.slots import companion
from flags.state import FlagState, environment, read_states

MAX_DAYS = 3650
_ORDER = tuple(Reason)


@dataclass(frozen=True, slots=True)
class Seen:
    """Both environments as the database has them now: `here` is the one that the list is of."""

    env: str
    here: Mapping[str, FlagState]
    there: Mapping[str, FlagState]
    told: Mapping[tuple[str, str], Reported]
    busy: Collection[str]
    services: Sequence[str]
    """The apps that read flags over HTTP, by their live tokens."""
    now: datetime
    key: str | None = None
    """The one flag that is looked at, None for all."""

    def apps_of(self, env: str) -> list[Reported]:
        """What the apps of `env` reported, without what is too old to count."""
        return [
            each for each in self.told.values() if each.env == env and not each.is_old(self.now)
        ]


def clean_up(env: str, days: int, now: datetime, *, key: str | None = None) -> list[Entry]:
    """The list of environment `env`, in order of reasons and flags; of flag `key` alone if given.

    `days` are how long a flag must be unchanged to be listed as settled. Always the same number of
    queries, however many flags there are.
    """
    seen = look(env, now, key=key)
    return sorted(
        (*settled(seen, days), *equal_to_default(seen), *undeclared(seen), *unseen(seen)),
        key=lambda entry: (_ORDER.index(entry.reason), entry.flag),
    )


def look(env: str, now: datetime, *, key: str | None = None) -> Seen:
    """What the list of `env` is made of."""
    keys = None if key is None else [key]
    here, there = (_states(name, keys, now) for name in (env, other_than(env)))
    busy = set(companion().busy(list(here)))
    live = ServiceToken.objects.filter(revoked_at=None)
    services = sorted(set(live.values_list("app", flat=True)))
    return Seen(env, here, there, everyone(), busy, services, now, key)


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


def settled(seen: Seen, days: int) -> list[Entry]:
    """Flags with the same value in both environments, unchanged for `days` in both."""
    alike = [key for key in seen.here if key in seen.there and _is_alike(seen, key)]
    by_env = consoles(each for each in seen.told.values() if not each.is_old(seen.now))
    since = {
        env: known_since([states[key] for key in alike], by_env.get(env))
        for env, states in ((seen.env, seen.here), (other_than(seen.env), seen.there))
    }
    before = seen.now - timedelta(days=days)
    found = []
    for key in alike:
        held = {env: since[env][key] for env in since}
        if all(each.moment and each.moment <= before for each in held.values()):
            states = seen.here[key], seen.there[key]
            found.append(steps.settled(states, held, days, seen.services))
    return found


def _is_alike(seen: Seen, key: str) -> bool:
    """Whether the flag has one value wherever it can be seen, and nothing is under way with it.

    Not the self-gate: it is there to be turned some day.
    """
    states = seen.here[key], seen.there[key]
    if key == GATE_KEY or key in seen.busy or states[0].value is not states[1].value:
        return False
    if not all(is_known(state) for state in states):
        return False
    return all(
        in_app(state, app) is state.value for state in states for app in seen.apps_of(state.env)
    )


def _shows_config_vars(state: FlagState) -> bool:
    return state.environment.config_vars is not None


def is_known(state: FlagState) -> bool:
    """Whether its value does not hang on config vars that nobody reported."""
    return _shows_config_vars(state) or state.resolution.db is not None


def equal_to_default(seen: Seen) -> list[Entry]:
    """Rows that may go: without them the flag keeps its value in every app that is seen."""
    rows = {
        key: state
        for key, state in seen.here.items()
        if _equals_default(state) and _shows_config_vars(state)
    }
    removable = {
        key: state
        for key, state in rows.items()
        if key not in seen.busy and not would_change(seen, state)
    }
    changes = changes_of(removable.values())
    return [
        steps.equals_default(state, changes[key], _says_so(seen, state))
        for key, state in removable.items()
    ]


def _equals_default(state: FlagState) -> bool:
    return state.row is not None and bool(state.row.value) is state.declaration.default


def would_change(seen: Seen, state: FlagState) -> bool:
    """Whether the flag would resolve to another value without its row: here, or in an app that
    reported, however long ago. As if rows were read, wherever they are not: the layer may be turned
    on again."""
    default = state.declaration.default
    said = [app.values.get(state.key) for app in seen.told.values() if app.env == state.env]
    said.append(state.resolution.env)
    return any(resolve(db=None, env=env, yaml=default).value is not default for env in said)


def _says_so(seen: Seen, state: FlagState) -> list[str]:
    """The apps of its environment where the row keeps a config var of the flag dormant. Where no
    rows are read the config var decides, and stays."""
    told = [each for each in seen.apps_of(state.env) if state.key in each.values]
    names = {each.app for each in told if each.db_layer}
    if not told and state.resolution.env is not None and state.environment.db_layer:
        names.add(console_app(state.env) or settings.APP_NAME)
    return sorted(names)


def in_app(state: FlagState, app: Reported) -> bool:
    """The flag's value in an app, by what the app reported."""
    return resolve(
        db=bool(state.row.value) if state.row and app.db_layer else None,
        env=app.values.get(state.key),
        yaml=state.declaration.default,
    ).value


def undeclared(seen: Seen) -> list[Entry]:
    """Rows whose flag their environment does not declare."""
    declared = environment(seen.env).declarations
    found = [entry for _, _, entry in orphans_with_steps(seen.env, declared) if entry]
    return [entry for entry in found if seen.key in (None, entry.flag)]


def orphans_with_steps(
    env: str, declared: Collection[str]
) -> list[tuple[FeatureFlag, LastChange, Entry | None]]:
    """Rows of `env` whose flag is none of `declared`, their last change, and what to do next: None
    where nothing is declared at all, so that nobody knows of what the rows are."""
    found = orphans(env, declared)
    if not found or not declared:
        return [(row, change, None) for row, change in found]
    elsewhere = environment(other_than(env), [row.flag_key for row, _ in found]).declarations
    return [
        (row, change, steps.undeclared(row, change, elsewhere=row.flag_key in elsewhere))
        for row, change in found
    ]


def unseen(seen: Seen) -> list[Entry]:
    """What is not known of both environments, and so may keep something out of the list."""
    other = other_than(seen.env)
    pairs = ((seen.env, seen.here), (other, seen.there))
    found = [steps.unseen_declarations(env) for env, states in pairs if not states and not seen.key]
    rows = [each for each in seen.here.values() if _equals_default(each)]
    if rows and not _shows_config_vars(rows[0]):
        found.append(steps.unseen_console(seen.env, "rows equal to their default"))
    if not all(is_known(state) for state in seen.there.values()):
        found.append(steps.unseen_console(other, f"flags without a row in {other}"))
    consoles_ = {console_app(env) for env in Env.values}
    dim = [
        app
        for app in apps(seen.told)
        if (app.told is None or app.told.is_old(seen.now)) and app.name not in consoles_
    ]
    if dim:
        found.append(steps.unseen_apps(dim, seen.env))
    return found
