"""The deprecation table as a whole, and as Markdown and JSON (runbook section 8)."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from flags import config_vars, runtime
from flags.heroku.calls import Call
from flags.heroku.deprecation import Line, Stage, lines
from flags.heroku.reported import Reported, everyone
from flags.layers import word
from flags.models import Env

COLUMNS = (
    "config var",
    "app",
    "environment",
    "set to",
    "state",
    "dormant since",
    "soaked",
    "removed",
    "what is missing",
)


@dataclass(frozen=True, slots=True)
class App:
    """An app that reads config vars, and what it reported; `told` None: it cannot be seen."""

    name: str
    env: str
    told: Reported | None

    @property
    def look(self) -> str:
        """The pipe that lets the console see it."""
        name = shlex.quote(self.name)
        is_told = settings.HEROKU_APPS.get(self.name, self.name.rpartition("-")[2]) == self.env
        env = "" if is_told else f" --env {self.env}"
        return (
            f"heroku config --json --app {name} "
            f"| python manage.py import_config_vars --app {name}{env}"
        )


@dataclass(frozen=True, slots=True)
class Table:
    """Every config var that was ever reported, the apps, and this deployment's strays."""

    at: datetime
    lines: tuple[Line, ...]
    apps: tuple[App, ...]
    strays: tuple[str, ...]

    @property
    def unseen(self) -> list[App]:
        """The apps of HEROKU_APPS that nobody ever told of."""
        return [app for app in self.apps if app.told is None]

    @property
    def removals(self) -> list[Call]:
        """One call an app with all that is ready there, since each restarts the app."""
        ready: dict[str, list[str]] = {}
        for line in self.lines:
            if line.stage is Stage.READY:
                ready.setdefault(line.var.app, []).append(line.var.name)
        return [Call("config:unset", tuple(names), app) for app, names in ready.items()]


def read_table(now: datetime) -> Table:
    """The table as the database has it now."""
    told = everyone()
    strays = config_vars.strays(runtime.declared())
    return Table(now, tuple(lines(now, told)), tuple(apps(told)), tuple(strays))


def read_table_of(key: str, now: datetime) -> Table:
    """The same of one flag, without strays."""
    told = everyone()
    return Table(now, tuple(lines(now, told, key=key)), tuple(apps(told)), ())


def apps(told: Mapping[tuple[str, str], Reported]) -> list[App]:
    """Those of HEROKU_APPS, then all others that reported."""
    named: dict[tuple[str, str], None] = dict.fromkeys(settings.HEROKU_APPS.items())
    return [App(*where, told.get(where)) for where in {**named, **told}]


def said(value: bool | None) -> str:
    """What a config var is set to, in a word."""
    return "no boolean" if value is None else word(value)


def missing(line: Line) -> str:
    """What keeps it from being removed, as one text, and what goes with it."""
    told = [lack.text for lack in line.lacks]
    if line.loses_net and line.yaml is not None:
        told.append(f"without it, a start while the database is away gives {word(line.yaml)}")
    return "; ".join(told)


def as_json(table: Table) -> list[dict[str, Any]]:
    """One object a config var and app; times are ISO 8601 in UTC, or null."""
    return [
        {
            "config_var": line.var.name,
            "flag": line.var.flag_key,
            "app": line.var.app,
            "env": line.var.env,
            "value": line.var.value,
            "state": line.stage.value,
            "dormant_since": _iso(line.dormant_since),
            "soaked_at": _iso(line.soaked_at),
            "ready": line.stage is Stage.READY,
            "loses_net": line.loses_net,
            "removed_at": _iso(line.var.removed_at),
            "first_seen_at": _iso(line.var.first_seen_at),
            "last_seen_at": _iso(line.var.last_seen_at),
            "missing": [{"name": lack.name, "text": lack.text} for lack in line.lacks],
            "flips": {env: line.live[env].audit_id for env in Env.values if env in line.live},
        }
        for line in table.lines
    ]


def as_markdown(table: Table) -> str:
    """The document docs/ops/feature-flags-heroku-deprecation.md."""
    return "\n".join(_markdown(table)) + "\n"


def _markdown(table: Table) -> Iterator[str]:
    yield "# Config vars on their way out"
    yield ""
    yield (
        f"As of {_minute(table.at)} UTC. Written by `manage.py deprecation_table --format md`; the "
        "console shows the same on `/console/config-vars`. The states and the way to remove a "
        "config var: [runbook, section 8](runbooks/feature-flags.md)."
    )
    yield ""
    yield from _rows(COLUMNS, [_cells(line) for line in table.lines], "No config var was reported.")
    yield from ("", "## Removal commands", "")
    calls = [str(call) for call in table.removals]
    yield "\n".join(["```", *calls, "```"]) if calls else "Nothing is ready to be removed."
    yield from ("", "## Apps", "")
    yield from _rows(
        ("app", "environment", "database layer", "last report"), _app_rows(table), "None."
    )
    yield from ("", "## Strays", "")
    strays = [line.var for line in table.lines if line.stage is Stage.STRAY]
    names = [f"`{var.name}` ({var.app})" for var in strays]
    names += [f"`{name}` ({settings.APP_NAME})" for name in table.strays]
    yield "\n".join(f"- {name}" for name in names) or "None is known in this deployment."


def _rows(head: tuple[str, ...], rows: list[list[str]], nothing: str) -> Iterator[str]:
    if not rows:
        yield nothing
        return
    for cells in (list(head), ["---"] * len(head), *rows):
        yield f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Text that stays in its cell, whatever an app is called."""
    return " ".join(text.split()).replace("|", "\\|")


def _cells(line: Line) -> list[str]:
    var = line.var
    times = (line.dormant_since, line.soaked_at, var.removed_at)
    dates = [f"{_minute(time)} UTC" if time else "" for time in times]
    return [f"`{var.name}`", var.app, var.env, said(var.value), line.stage, *dates, missing(line)]


def _app_rows(table: Table) -> list[list[str]]:
    return [
        [app.name, app.env, word(app.told.db_layer), f"{_minute(app.told.at)} UTC"]
        if app.told
        else [app.name, app.env, "cannot be seen", f"never; `{app.look}`"]
        for app in table.apps
    ]


def _minute(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M")


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
