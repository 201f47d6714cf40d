"""The parts of an override: each way's sentences and lines, what it costs, how back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from django.conf import settings

from flags.config_vars import SWITCH, name_of
from flags.heroku.calls import Call, manage, update_row
from flags.heroku.reported import Reported, shell_of
from flags.layers import Source, resolve, word
from flags.policy import needs_elevation
from flags.state import FlagState, read_states

_WHY = ("--reason", "<why>", "--incident", "<INC-1>")
Told = Mapping[str, Reported]
"""What the apps of an environment reported last, by app."""
Reading = Mapping[str, bool | None]
"""Of each app of an environment whether it reads DB rows; None: nobody told."""


@dataclass(frozen=True, slots=True)
class Step:
    """A way, or a part of one: what it is and costs, in sentences, and the lines to type.

    `writes`: it needs a database that takes changes.
    """

    says: tuple[str, ...]
    lines: tuple[str, ...] = ()
    writes: bool = False


def without_changes(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps for a database that is read-only: first those that work meanwhile."""
    yield from (step for step in steps if not step.writes)
    for step in steps:
        if step.writes:
            first, *others = step.says
            later = f"Once the database takes changes again: {first[:1].lower()}{first[1:]}"
            yield replace(step, says=(later, *others))


def setting(key: str, value: bool, app: str, *besides: str) -> Call:
    return Call("config:set", (*besides, f"{name_of(key)}={int(value)}"), app)


def switching_off(key: str, value: bool, reading: Reading) -> tuple[Call, ...]:
    """One command an app for both variables, since each `config:set` restarts it. Where the layer
    is off already, the flag's variable alone."""
    return tuple(
        setting(key, value, app) if reads is False else setting(key, value, app, f"{SWITCH}=0")
        for app, reads in reading.items()
    )


def by_config_var(calls: Sequence[Call]) -> Step:
    return Step(("Set the config var.", _costs(calls)), tuple(map(str, calls)))


def by_command(state: FlagState, value: bool) -> Step:
    shell = "a shell that has manage.py"
    if state.env not in settings.CONSOLE_ENVIRONMENTS:
        shell = f"{shell_of(state.env)}, not in this"
    says = f"In {shell}, flip it: no restart, and the log knows who and why."
    return Step((says,), (_flipping(state, value),), writes=True)


def _flipping(state: FlagState, value: bool) -> str:
    proof = ("--as", "<name>", "--totp") if needs_elevation(state.declaration.risk) else ()
    return manage("flag_flip", state.key, word(value), "--env", state.env, *_WHY, *proof)


def by_sql(key: str, env: str, value: bool) -> Step:
    return Step(
        (
            "Option A: change the row, in psql on the console's database.",
            "Costs no restart: every process that reads rows sees it within 30 seconds.",
        ),
        (update_row(key, env, value),),
        writes=True,
    )


def by_sql_later(key: str, env: str, value: bool) -> Step:
    says = (
        "Option A, where you can reach the database yourself, or once it answers again: change the "
        "row, in psql. It changes 0 rows where there is none: then the config var decides."
    )
    return Step((says,), (update_row(key, env, value),))


def where_no_row_reaches(key: str, value: bool, reading: Reading, told: Told) -> Iterator[Step]:
    """The apps that read no rows, whoever changes them; and those of which nobody knows.

    That this console reads none it may know by its own settings, whatever was reported.
    """
    known = [app for app, reads in reading.items() if reads is False]
    if known:
        calls = [setting(key, value, app) for app in known]
        named = [
            f"{app} (as reported)" if app in told and not told[app].db_layer else app
            for app in known
        ]
        says = f"No row reaches {_and(named)}: there the config var decides, always."
        yield Step((says, _costs(calls)), tuple(map(str, calls)))
    yield from _where_nobody_knows(reading, "they do not, the config var decides: see option B.")


def where_rows_may_reach(reading: Reading) -> Iterator[Step]:
    """The apps that may read the row that the console does not read."""
    yield from _where_nobody_knows(
        reading, "they do, the row wins there, and has to be changed, too."
    )


def _where_nobody_knows(reading: Reading, where: str) -> Iterator[Step]:
    unseen = [app for app, reads in reading.items() if reads is None]
    if unseen:
        unknown = f"Whether rows reach {_and(unseen)} is not known: nobody reported it of late."
        yield Step((f"{unknown} Where {where}",))


def by_switch(calls: Sequence[Call], besides: str) -> Step:
    return Step(
        (
            "Option B, emergency only: the database layer off and the config var set, in one "
            "command per app. Works whether there is a row or not.",
            _costs(calls, besides),
        ),
        tuple(map(str, calls)),
    )


def what_else_turns(state: FlagState, reading: Reading) -> str:
    """Which other flags get another value once rows are not read."""
    others = "" if len(reading) == 1 else "; of the other apps it cannot be told"
    if state.environment.config_vars is None:
        return "which other flags change cannot be told: its config vars were never reported"
    turned = []
    for key, other in read_states(state.env).items():
        below = resolve(db=None, env=other.resolution.env, yaml=other.resolution.yaml)
        if key != state.key and other.source is Source.DB and below.value is not other.value:
            turned.append(f"{key} turns {word(below.value)}")
    besides = f"besides it {', '.join(turned)}" if turned else "no other flag changes by it"
    return f"in the console {besides}{others}"


def back_to_row(key: str, env: str, before: bool) -> Step:
    return Step(("Back from option A: the row as it was.",), (update_row(key, env, before),))


def back_from_switch(key: str, env: str, value: bool, calls: Sequence[Call]) -> tuple[Step, ...]:
    """`calls` are those that turned the layer off."""
    on = tuple(Call("config:set", (f"{SWITCH}=1",), call.app) for call in calls)
    stays = "Back from option B. If the value shall stay, bring the row to it first, in psql."
    decides = (
        "Then the database layer on again, where it was on before: the row decides from then, and "
        f"{name_of(key)} stays set, dormant. {_costs(on)}"
    )
    return (
        Step((stays,), (update_row(key, env, value),)),
        Step((decides,), tuple(map(str, on))),
    )


def answered_for(key: str, env: str) -> Step:
    says = "Then answer for what was changed by SQL: the log has it, with the incident."
    return Step((says,), (manage("flag_reconcile", key, "--env", env, *_WHY),))


def back_to_config_var(key: str, calls: Sequence[Call], told: Told) -> Step:
    """The config var as it was reported last; where nobody ever told, it is looked at before."""
    apps = _and([each.app for each in calls])
    says = [f"Back: the config var of {apps} as it was. {_costs(calls)}"]
    unseen = [Call("config:get", (name_of(key),), each.app) for each in calls]
    unseen = [look for look in unseen if look.app not in told]
    if unseen:
        says.append(
            "What it is now nobody reported of late of these apps. Note it before you set it, and "
            f"set it again where it was set: {'; '.join(map(str, unseen))}"
        )
    return Step(tuple(says), tuple(str(_before(key, each.app, told)) for each in calls))


def _before(key: str, app: str, told: Told) -> Call:
    var = told[app].found.get(key) if app in told else None
    if var is None or var.value is None:
        return Call("config:unset", (name_of(key),), app)
    return setting(key, var.value, app)


def pinned(state: FlagState, value: bool) -> Step:
    """The reconciling row of runbook section 6, last paragraph."""
    says = "Or, if the value shall stay: a database row with it, so that the log knows it."
    return Step((says,), (_flipping(state, value),))


def _costs(calls: Sequence[Call], besides: str = "") -> str:
    restarts = f"Costs a restart of {_and([call.app for call in calls])}"
    return f"{restarts}; {besides}." if besides else f"{restarts}."


def _and(apps: Sequence[str]) -> str:
    return " and ".join(apps)
