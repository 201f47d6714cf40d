"""Lines for a shell and for psql, as operators paste them: quoted and silenced."""

import re
import shlex
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

_TO_FILL_IN = re.compile(r"<[A-Za-z0-9_|-]+>")
SILENCED = ">/dev/null 2>&1"
"""`heroku config:set` prints config vars of the app (runbook section 6)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the heroku CLI on one app, which restarts unless it only looks."""

    verb: str
    what: tuple[str, ...]
    app: str

    @property
    def argv(self) -> list[str]:
        return ["heroku", self.verb, *self.what, "--app", self.app]

    def __str__(self) -> str:
        line = shlex.join(self.argv)
        return line if self.verb == "config:get" else f"{line} {SILENCED}"


def apps_of(env: str) -> list[str]:
    """The Heroku apps of `env` that read config vars, the console first."""
    return [app for app, where in settings.HEROKU_APPS.items() if where == env]


def update_row(key: str, env: str, value: bool) -> str:
    """The statement that changes a flag's DB row, its parameters quoted."""
    return (
        f"UPDATE console_feature_flags SET value={int(value)}, updated_at=CURRENT_TIMESTAMP\n"
        f"WHERE flag_key={_quoted(key)} AND env={_quoted(env)};"
    )


def delete_row(key: str, env: str, value: bool) -> str:
    """The statement that deletes a flag's DB row while it has this value, its parameters quoted."""
    return (
        f"DELETE FROM console_feature_flags "
        f"WHERE flag_key={_quoted(key)} AND env={_quoted(env)} AND value={int(value)};"
    )


def manage(command: str, *arguments: str) -> str:
    """A management command as it is typed; an argument in angle brackets is to be filled in."""
    typed = [
        f'"{each}"' if _TO_FILL_IN.fullmatch(each) else shlex.quote(each) for each in arguments
    ]
    return " ".join(("python manage.py", command, *typed))


def _quoted(text: str) -> str:
    """As a literal, in the database's own way to write it where it holds what cannot be seen: that
    would not survive the way through a terminal."""
    quoted = "'" + text.replace("'", "''") + "'"
    if text.isprintable():
        return quoted
    if connection.vendor == "sqlite":
        return f"CAST(X'{text.encode().hex()}' AS TEXT)"
    escaped = quoted.replace("\\", r"\\")
    return "U&" + "".join(char if char.isprintable() else f"\\+{ord(char):06X}" for char in escaped)
