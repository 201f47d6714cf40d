"""Changing a value around the console, in an emergency: which commands, in which order, at what
cost, and how back (runbook section 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flags.config_vars import SWITCH, name_of
from flags.errors import UndeclaredFlag
from flags.heroku.calls import Call, apps_of, manage, update_row
from flags.heroku.reported import Reported, everyone
from flags.layers import Source, resolve, word
from flags.state import FlagState, read_state, read_states, without_database

WHY = ("--reason", "<why>", "--incident", "<INC-1>")


@dataclass(frozen=True, slots=True)
class Step:
    """A way, or a part of one: what it is and costs, in sentences, and the lines to type."""

    says: tuple[str, ...]
    lines: tuple[str, ...] = ()


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
    now = f"{key} is {word(state.value)} in {env} (source: {state.source})."
    if state.row is None:
        return _by_config_var(state, value, now, f"There is no database row of it in {env}")
    if not state.environment.db_layer:
        return _by_config_var(state, value, now, "The database layer is off, its row is dormant")
    return _against_row(state, value, now)


def blind_plan(key: str, env: str, value: bool) -> Override:
    """The plan while the database does not answer: whether there is a row cannot be told.

    Raises UndeclaredFlag, by this release's YAML.
    """
    if key not in without_database(env).declarations:
        raise UndeclaredFlag(key, env)
    calls = _switch_off(key, env, value)
    facts = (
        "The database does not answer: whether it has a row of this flag cannot be told.",
        "While it is away, processes keep the last value that they read; those that start take the "
        "config var, else the YAML default.",
    )
    by_heroku = Step(
        (
            "Option B, which works whether there is a row or not: the database layer off and the "
            "config var set, in one command per app.",
            _costs(calls, "every flag of these apps comes from config var or YAML then"),
        ),
        tuple(map(str, calls)),
    )
    by_sql = Step(
        (
            "Option A, where you can reach the database yourself, or once it answers again: change "
            "the row, in psql. It changes 0 rows where there is none: then the config var decides.",
        ),
        (update_row(key, env, value),),
    )
    return Override(facts, (by_heroku, by_sql), _back_from_switch(key, env, value, calls), calls)


def _by_config_var(state: FlagState, value: bool, now: str, why: str) -> Override:
    key, env, name = state.key, state.env, name_of(state.key)
    calls = tuple(Call("config:set", (f"{name}={int(value)}",), app) for app in apps_of(env))
    step = Step(("Set the config var.", _costs(calls)), tuple(map(str, calls)))
    told = {app: each for (app, where), each in everyone().items() if where == env}
    back = (_restored(key, calls, told), _pinned(key, env, value))
    return Override((now, f"{why}: the config var decides."), (step,), back, calls)


def _against_row(state: FlagState, value: bool, now: str) -> Override:
    key, env = state.key, state.env
    calls = _switch_off(key, env, value)
    fact = (
        f"Its database row wins: {name_of(key)} alone changes nothing where rows are read, so "
        "setting it is useless."
    )
    by_command = Step(
        (
            "The database answers. With a shell that has manage.py, flip it: no restart, and the "
            "log knows who and why.",
        ),
        (manage("flag_flip", key, word(value), "--env", env, *WHY),),
    )
    by_sql = Step(
        (
            "Option A: change the row, in psql on the console's database.",
            "Costs no restart: every process sees it within 30 seconds.",
        ),
        (update_row(key, env, value),),
    )
    by_heroku = Step(
        (
            "Option B, emergency only: the database layer off and the config var set, in one "
            "command per app.",
            _costs(calls, _besides(state)),
        ),
        tuple(map(str, calls)),
    )
    row = bool(state.row.value) if state.row else not value
    back = (
        Step(("Back from option A: the row as it was.",), (update_row(key, env, row),)),
        *_back_from_switch(key, env, value, calls),
    )
    return Override((now, fact), (by_command, by_sql, by_heroku), back, calls)


def _switch_off(key: str, env: str, value: bool) -> tuple[Call, ...]:
    """One command an app for both variables: each `config:set` restarts it."""
    what = (f"{SWITCH}=0", f"{name_of(key)}={int(value)}")
    return tuple(Call("config:set", what, app) for app in apps_of(env))


def _costs(calls: Sequence[Call], besides: str = "") -> str:
    restarts = f"Costs a restart of {' and of '.join(call.app for call in calls)}"
    return f"{restarts}; {besides}." if besides else f"{restarts}."


def _besides(state: FlagState) -> str:
    """Which other flags get another value in the console once its rows are not read."""
    if state.environment.config_vars is None:
        return "which other flags change cannot be seen: its config vars were never reported"
    turned = []
    for key, other in read_states(state.env).items():
        below = resolve(db=None, env=other.resolution.env, yaml=other.resolution.yaml)
        if key != state.key and other.source is Source.DB and below.value is not other.value:
            turned.append(f"{key} turns {word(below.value)}")
    return f"besides it, {', '.join(turned)}" if turned else "no other flag changes by it"


def _back_from_switch(key: str, env: str, value: bool, calls: Sequence[Call]) -> tuple[Step, ...]:
    on = tuple(Call("config:set", (f"{SWITCH}=1",), call.app) for call in calls)
    stays = "Back from option B. If the value shall stay, bring the row to it first, in psql."
    decides = f"Then the database layer on again: the row decides from then. {_costs(on)}"
    answers = "Then answer for what was changed by SQL: the log has it, with the incident."
    return (
        Step((stays,), (update_row(key, env, value),)),
        Step((decides,), tuple(map(str, on))),
        Step((answers,), (manage("flag_reconcile", key, "--env", env, *WHY),)),
    )


def _restored(key: str, calls: Sequence[Call], told: Mapping[str, Reported]) -> Step:
    """The config var as it was reported last; where nobody ever told, it is looked at before."""
    says = [f"Back: the config var as it was. {_costs(calls)}"]
    unseen = [Call("config:get", (name_of(key),), each.app) for each in calls]
    unseen = [look for look in unseen if look.app not in told]
    if unseen:
        says.append(
            "What it is now was never reported of these apps. Note it before you set it, and set "
            f"it again where it was set: {'; '.join(map(str, unseen))}"
        )
    return Step(tuple(says), tuple(str(_before(key, each.app, told)) for each in calls))


def _before(key: str, app: str, told: Mapping[str, Reported]) -> Call:
    var = told[app].found.get(key) if app in told else None
    if var is None or var.value is None:
        return Call("config:unset", (name_of(key),), app)
    return Call("config:set", (f"{name_of(key)}={int(var.value)}",), app)


def _pinned(key: str, env: str, value: bool) -> Step:
    """The reconciling row of runbook section 6, last paragraph."""
    says = "Or, if the value shall stay: a database row with it, so that the log knows it."
    return Step((says,), (manage("flag_flip", key, word(value), "--env", env, *WHY),))
