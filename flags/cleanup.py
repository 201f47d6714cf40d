"""The clean-up list: flags and rows that nobody needs any more, with why and what to do next.

A flag that is on, or off, in both environments and unchanged for DAYS; a DB row equal to its
default; a DB row without a declaration. Each is proved as `flags.heroku.deprecation` proves config
vars: by resolving with and without. What cannot be seen from here is said, never guessed. Nothing
is removed here.
"""

from collections.abc import Collection
from datetime import datetime

from django.conf import settings

from flags import cleanup_steps as steps
from flags.cleanup_reasons import not_alike, row_stays, since_of, too_young, vars_first
from flags.cleanup_seen import Seen, equals_default, is_known, look, other_than, shows_config_vars
from flags.cleanup_steps import Entry, Reason
from flags.errors import UndeclaredFlag
from flags.heroku.reported import console_app
from flags.heroku.table import apps
from flags.history import LastChange, changes_of
from flags.models import Env, FeatureFlag
from flags.rows import orphans
from flags.state import FlagState, environment

MAX_DAYS = 3650
_ORDER = tuple(Reason)


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


def why_not(key: str, env: str, days: int, now: datetime) -> list[str]:
    """Sentences, for a flag of which `clean_up` lists nothing: why it is not called settled, and
    why its row in `env` is not called removable. Raises UndeclaredFlag."""
    seen = look(env, now, key=key)
    if key not in seen.here:
        raise UndeclaredFlag(key, env)
    reasons = list(not_alike(seen, key))
    if not reasons:
        reasons += too_young(seen, key, since_of(seen, [key])[key], days)
    return [*reasons, *vars_first(seen, key), *row_stays(seen, seen.here[key])]


def settled(seen: Seen, days: int) -> list[Entry]:
    """Flags with the same value in both environments, unchanged for `days` in both."""
    alike = [key for key in seen.here if not any(not_alike(seen, key))]
    held = since_of(seen, alike)
    return [
        steps.settled((seen.here[key], seen.there[key]), held[key], days, seen.services)
        for key in alike
        if not any(too_young(seen, key, held[key], days))
    ]


def equal_to_default(seen: Seen) -> list[Entry]:
    """Rows that may go: without them the flag keeps its value in every app that is seen."""
    removable = {
        key: state
        for key, state in seen.here.items()
        if state.row is not None
        and shows_config_vars(state)
        and not any(vars_first(seen, key))
        and not any(row_stays(seen, state))
    }
    changes = changes_of(removable.values())
    return [
        steps.equals_default(state, changes[key], _says_so(seen, state))
        for key, state in removable.items()
    ]


def _says_so(seen: Seen, state: FlagState) -> list[str]:
    """The apps of its environment where the row keeps a config var of the flag dormant. Where no
    rows are read the config var decides, and stays."""
    told = [each for each in seen.apps_of(state.env) if state.key in each.values]
    names = {each.app for each in told if each.db_layer}
    if not told and state.resolution.env is not None and state.environment.db_layer:
        names.add(console_app(state.env) or settings.APP_NAME)
    return sorted(names)


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
    other = seen.other
    blank = [env for env, states in seen.both if not states and not seen.key]
    found = [steps.unseen_declarations(env) for env in blank]
    rows = [each for each in seen.here.values() if equals_default(each)]
    if rows and not shows_config_vars(rows[0]):
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
