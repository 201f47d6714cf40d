"""`import_config_vars`: config vars of an app that does not report itself (runbook section 8)."""

import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DBError

from accounts.cli import cli_actor
from audit.cli import database_failed
from audit.deadline import each_answer_within
from flags import config_vars
from flags.cli import PATIENCE_SECONDS
from flags.declarations import is_storable
from flags.heroku import reports
from flags.heroku.reported import reports_itself
from flags.state import environment

MOST = 1 << 20
"""Characters of standard input that are read. Heroku takes 32 kB of config vars an app."""


class Command(BaseCommand):
    help = (
        "Read an app's config vars from standard input, as `heroku config --json --app APP` prints "
        "them. Keeps those of declared flags: whether each is on or off, and nothing else."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--app", required=True, help="the app that they are of")
        parser.add_argument(
            "--env",
            choices=settings.ENVIRONMENTS,
            help="its environment; default: as HEROKU_APPS or the app's name says",
        )
        parser.add_argument(
            "--forget",
            action="store_true",
            help="read nothing: forget an app that is gone, or that never was",
        )
        parser.add_argument(
            "--force", action="store_true", help="even for an app that reports itself"
        )

    def handle(self, *, app: str, env: str | None, forget: bool, **options: Any) -> None:
        app = app.strip()
        if not app or len(app) > 100 or not is_storable(app):
            raise CommandError("--app: give the app's name.")
        if not forget and not app.isprintable():
            # Some turn the direction of what follows: the table's commands would show another app.
            raise CommandError("--app: the name has a character that cannot be seen.")
        env = _env_of(app, env)
        variables = {} if forget else _read()
        try:
            with each_answer_within(PATIENCE_SECONDS):
                if forget:
                    said = _forgotten(app, env)
                else:
                    said = _read_in(app, env, variables, force=options["force"])
        except DBError as error:
            raise database_failed(error) from error
        for line in said:
            self.stdout.write(line)


def _forgotten(app: str, env: str) -> list[str]:
    """Raises CommandError for an app that nobody ever told of."""
    if not reports.forget(app, env, actor=cli_actor()):
        raise CommandError(f"Nobody ever told of {app} in {env}: there is nothing to forget.")
    return [f"{app} ({env}): forgotten."]


def _read_in(app: str, env: str, variables: dict[str, str], *, force: bool) -> list[str]:
    if not force and reports_itself(app, env):
        raise CommandError(
            f"{app} reports itself at each of its releases, which is nearer to the truth than what "
            "is read in: nothing was. (--force reads it in all the same.)"
        )
    declared = environment(env).declarations
    if not declared:
        raise CommandError(f"No flag is declared in {env}: run sync_flags there first.")
    found = config_vars.reported(declared, variables)
    strays = config_vars.strays(declared, variables)
    still_set = config_vars.keys_of(strays)
    done = reports.take(app, env, found, still_set=still_set, imported=True, actor=cli_actor())
    told = [f"stray: {name} is set, and no flag of {env} is declared under it." for name in strays]
    return [f"{app} ({env}): {done}", *told]


def _env_of(app: str, asked: str | None) -> str:
    """Raises CommandError where nothing says which environment the app is of."""
    known = settings.HEROKU_APPS.get(app)
    if asked and known and asked != known:
        raise CommandError(f"HEROKU_APPS says that {app} is of {known}, not of {asked}.")
    env = asked or known or app.rpartition("-")[2]
    if env not in settings.ENVIRONMENTS:
        raise CommandError(f"Which environment is {app} of? Say it with --env.")
    return env


def _read() -> dict[str, str]:
    """The `FLAG_*` variables of standard input. Raises CommandError; repeats nothing of it."""
    if sys.stdin is None or sys.stdin.isatty():
        raise CommandError(
            "Pipe it in: heroku config --json --app APP | "
            "python manage.py import_config_vars --app APP"
        )
    try:
        text = sys.stdin.read(MOST + 1)
        if len(text) > MOST:
            raise CommandError(
                f"Standard input is longer than {MOST} characters. Nothing was read in."
            )
        variables = json.loads(text, object_pairs_hook=_of_texts)
    except (ValueError, RecursionError):
        variables = None
    # An answer of Heroku's API that something went wrong is an object of texts, too.
    if not isinstance(variables, dict) or variables.keys() >= {"id", "message"}:
        raise CommandError(
            "Standard input is not what `heroku config --json` prints, one JSON object of names "
            "and texts. Nothing was read in."
        )
    return {name: value for name, value in variables.items() if name.startswith(config_vars.PREFIX)}


def _of_texts(pairs: list[tuple[str, Any]]) -> dict[str, str]:
    """Raises ValueError for what config vars never are: what is left out here counts as removed."""
    found = dict(pairs)
    if len(found) < len(pairs) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError("a name twice, or a value that is no text")
    return found
