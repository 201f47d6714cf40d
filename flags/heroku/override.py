"""Changing a value around the console, in an emergency: which commands, in which order, at what
cost, and how back (runbook section 6)."""

from dataclasses import dataclass

from flags.config_vars import name_of
from flags.errors import UndeclaredFlag
from flags.heroku import ways
from flags.heroku.calls import Call, apps_of
from flags.heroku.reported import everyone
from flags.heroku.ways import Step, Told
from flags.layers import word
from flags.state import FlagState, read_state, without_database


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


def plan(key: str, env: str, value: bool) -> Override:
    """The plan for flag `key`, as the database has it now.

    Raises UndeclaredFlag, and what the database raises.
    """
    state = read_state(key, env)
    told = {app: each for (app, where), each in everyone().items() if where == env}
    now = f"{key} is {word(state.value)} in {env} (source: {state.source})."
    if state.row is None:
        return _by_config_var(state, value, told, now, f"There is no database row of it in {env}")
    if not state.environment.db_layer:
        dormant = "The database layer is off, its row is dormant"
        return _by_config_var(state, value, told, now, dormant)
    return _against_row(state, state.row.value == 1, value, told, now)


def blind_plan(key: str, env: str, value: bool) -> Override:
    """The plan while the database does not answer: whether there is a row cannot be told.

    Raises UndeclaredFlag, by this release's YAML.
    """
    if key not in without_database(env).declarations:
        raise UndeclaredFlag(key, env)
    calls = ways.switching_off(key, env, value, {})
    facts = (
        "The database does not answer: whether it has a row of this flag cannot be told.",
        "While it is away, processes keep the last value that they read; those that start take the "
        "config var, else the YAML default.",
    )
    besides = "every flag of these apps comes from config var or YAML then"
    steps = (ways.by_switch(calls, besides), ways.by_sql_later(key, env, value))
    back = (*ways.back_from_switch(key, env, value, calls), ways.answered_for(key, env))
    return Override(facts, steps, back, calls)


def _by_config_var(state: FlagState, value: bool, told: Told, now: str, why: str) -> Override:
    key, env = state.key, state.env
    calls = tuple(ways.setting(key, value, app) for app in apps_of(env))
    back = (ways.back_to_config_var(key, calls, told), ways.pinned(key, env, value))
    facts = (now, f"{why}: the config var decides.")
    return Override(facts, (ways.by_config_var(calls),), back, calls)


def _against_row(state: FlagState, row: bool, value: bool, told: Told, now: str) -> Override:
    key, env = state.key, state.env
    calls = ways.switching_off(key, env, value, told)
    turned = [call for call in calls if len(call.what) > 1]
    others = [call for call in calls if call not in turned]
    fact = (
        f"Its database row wins: {name_of(key)} alone changes nothing where rows are read, so "
        "setting it is useless."
    )
    steps = (
        ways.by_command(key, env, value),
        ways.by_sql(key, env, value),
        *ways.where_no_row_reaches(key, env, value, told),
        ways.by_switch(calls, ways.what_else_turns(state)),
    )
    back = (
        ways.back_to_row(key, env, row),
        *(ways.back_from_switch(key, env, value, turned) if turned else ()),
        *([ways.back_to_config_var(key, others, told)] if others else ()),
        ways.answered_for(key, env),
    )
    return Override((now, fact), steps, back, calls)
