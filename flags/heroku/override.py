"""Changing a value around the console, in an emergency: which commands, in which order, at what
cost, and how back (runbook section 6)."""

from dataclasses import dataclass, replace

from django.db import Error as DBError
from django.db import connection
from django.utils import timezone

from audit.cli import how_it_failed, is_away
from audit.failures import takes_no_changes
from flags.config_vars import name_of
from flags.errors import UndeclaredFlag
from flags.heroku import ways
from flags.heroku.blocked import unblocking
from flags.heroku.calls import Call, apps_of
from flags.heroku.reported import console_app, everyone
from flags.heroku.ways import Reading, Step, Told
from flags.layers import word
from flags.state import FlagState, read_state, without_database

READ_ONLY = (
    "The database is read-only: flag_flip and option A work once it takes changes again. What else "
    "is here works meanwhile on apps whose release phase does not change this database."
)


@dataclass(frozen=True, slots=True)
class Override:
    """How to have a flag at another value without the console.

    `steps` in the order in which to try them, `back` how to return. `calls` are what `--run` makes:
    those of the last step that takes the heroku CLI.
    """

    facts: tuple[str, ...]
    steps: tuple[Step, ...]
    back: tuple[Step, ...]
    calls: tuple[Call, ...]


def plan(key: str, env: str, value: bool, after: DBError | None = None) -> Override:
    """The plan for flag `key`, as the database has it now. `after`: what a flip just failed with.

    Raises UndeclaredFlag, and what the database raises.
    """
    state, now = read_state(key, env), timezone.now()
    reports = {app: each for (app, where), each in everyone().items() if where == env}
    told = {app: each for app, each in reports.items() if not each.is_old(now)}
    reading = _reading(state, told)
    facts = [f"{key} is {word(state.value)} in {env} (source: {state.source})."]
    is_read_only = takes_no_changes(connection)
    facts += [READ_ONLY] if is_read_only else []
    if state.row is None:
        facts.append(f"There is no database row of it in {env}: the config var decides.")
        found = _by_config_var(state, value, told, {}, facts)
    elif True not in reading.values():
        facts.append("The database layer is off, its row is dormant: the config var decides.")
        found = _by_config_var(state, value, told, reading, facts)
    else:
        found = _against_row(state, state.row.value == 1, value, told, reading, facts)
    steps = ways.without_changes(found.steps) if is_read_only else found.steps
    return replace(found, steps=(*unblocking(after), *steps))


def blind_plan(key: str, env: str, value: bool, error: DBError) -> Override:
    """The plan while the database does not answer (`error`): whether there is a row cannot be told.

    Raises UndeclaredFlag, by this release's YAML.
    """
    if key not in without_database(env).declarations:
        raise UndeclaredFlag(key, env)
    calls = ways.switching_off(key, value, dict.fromkeys(apps_of(env)))
    facts = [
        f"{how_it_failed(error)}: whether it has a row of this flag cannot be told.",
        "While rows cannot be read, processes keep the last value that they read; those that start "
        "take the config var, else the YAML default.",
    ]
    if is_away(error):
        facts.append(
            f"An app whose release phase needs this database, as that of {console_app(env)} does, "
            "takes a config var with its first release after the database is back, not before."
        )
    besides = "every flag of these apps comes from config var or YAML then"
    steps = (
        *unblocking(error),
        ways.by_switch(calls, besides),
        ways.by_sql_later(key, env, value),
    )
    back = (*ways.back_from_switch(key, env, value, calls), ways.answered_for(key, env))
    return Override(tuple(facts), steps, back, calls)


def _reading(state: FlagState, told: Told) -> Reading:
    """Which apps read the row. The console's own layer is known, be it by its own settings."""
    reading = {app: told[app].db_layer if app in told else None for app in apps_of(state.env)}
    console, where = console_app(state.env), state.environment
    if console and (where.is_own or where.told):
        reading[console] = where.db_layer
    elif console and reading[console] is None:
        # As everywhere: an environment that never told heeds its rows.
        reading[console] = True
    return reading


def _by_config_var(
    state: FlagState, value: bool, told: Told, reading: Reading, facts: list[str]
) -> Override:
    key, env = state.key, state.env
    calls = tuple(ways.setting(key, value, app) for app in apps_of(env))
    steps = [ways.by_config_var(calls), *ways.where_rows_may_reach(reading)]
    back = [ways.back_to_config_var(key, calls, told)]
    if state.environment.db_layer:
        # A flip writes the row that then decides, where rows are read.
        steps.insert(0, ways.by_command(state, value))
        back.append(ways.pinned(state, value))
    return Override(tuple(facts), tuple(steps), tuple(back), calls)


def _against_row(
    state: FlagState, row: bool, value: bool, told: Told, reading: Reading, facts: list[str]
) -> Override:
    key, env = state.key, state.env
    calls = ways.switching_off(key, value, reading)
    turned = [call for call in calls if len(call.what) > 1]
    others = [call for call in calls if call not in turned]
    useless = f"{name_of(key)} alone changes nothing where rows are read, so setting it is useless"
    by_row = ways.by_sql(key, env, value)
    elsewhere = ways.where_no_row_reaches(key, value, reading, told)
    if state.environment.db_layer:
        facts.append(f"Its database row wins: {useless}.")
        steps = [ways.by_command(state, value), by_row, *elsewhere]
    else:
        facts.append(
            "The database layer of the console is off: there the config var decides, and flag_flip "
            f"writes no row. In apps that read rows the row wins: {useless} there."
        )
        steps = [*elsewhere, by_row]
    steps.append(ways.by_switch(calls, ways.what_else_turns(state, reading)))
    back = (
        ways.back_to_row(key, env, row),
        *(ways.back_from_switch(key, env, value, turned) if turned else ()),
        *([ways.back_to_config_var(key, others, told)] if others else ()),
        ways.answered_for(key, env),
    )
    return Override(tuple(facts), tuple(steps), back, calls)
