"""`flag_status`: what each flag is, and why; with the database down, what is left of that."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DBError
from django.utils import timezone

from audit.ages import age
from audit.cli import ONLY_READS, database_failed, how_it_failed, one_line, visible
from audit.failures import let_go
from flags import config_vars, runtime
from flags.cleanup import MAX_DAYS, clean_up, why_not
from flags.cleanup_steps import as_json as entry_as_json
from flags.cli import add_env, patience
from flags.errors import UndeclaredFlag
from flags.heroku.calls import apps_of
from flags.state import (
    Environment,
    FlagState,
    environment,
    read_state,
    read_states,
    without_database,
)

DATABASE_DOWN = 3
"""The exit status where config vars and YAML alone could answer."""
_WORDS = {True: "on", False: "off", None: "-"}
_OWN = (
    "Config vars and YAML answer here. A database row of {env}, if there is one, wins over them "
    "while FLAG_CONSOLE_FEATURE_FLAGS_DB is 1: processes that read it keep its value, those that "
    "start get what is shown."
)
_OTHER = (
    "YAML alone answers here: neither database rows nor config vars of {env} can be seen from this "
    "shell, so its values are not known. Processes that read a row keep its value; those that "
    "start take the config var, where it is set, else what yaml says. Look:"
)


class Command(BaseCommand):
    help = (
        "For each flag: value, source, and what every layer says. From the database, now; while it "
        f"is down, from config vars and YAML, with exit status {DATABASE_DOWN}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", nargs="?", help="one flag; default: all that are declared")
        add_env(parser, default=settings.CONSOLE_ENV, help="default: this deployment's own")
        parser.add_argument(
            "--stale",
            type=_days,
            metavar="DAYS",
            help="the clean-up list instead: flags with one value in both environments, unchanged "
            "for DAYS; rows equal to their default; rows without a declaration",
        )
        parser.add_argument("--json", action="store_true", help="a JSON list, for programs")

    def handle(self, *, key: str | None, env: str, **options: Any) -> None:
        if options["stale"] is not None:
            self._clean_up(key, env, options["stale"], as_json=options["json"])
            return
        failure: DBError | None = None
        try:
            try:
                with patience():
                    states = [read_state(key, env)] if key else list(read_states(env).values())
                    where = states[0].environment if states else environment(env)
            except DBError as error:
                let_go()
                failure = error
                where = without_database(env)
                states = _without_rows(where, key)
        except UndeclaredFlag as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self._write_json(states, failure)
        else:
            self._write(where, states, failure, is_all=key is None)
        if failure is not None:
            raise database_failed(failure, status=DATABASE_DOWN, so=ONLY_READS)

    def _clean_up(self, key: str | None, env: str, days: int, *, as_json: bool) -> None:
        """Nothing answers for the database here: of what it says is the list made."""
        try:
            with patience():
                now = timezone.now()
                found = clean_up(env, days, now, key=key)
                is_listed = any(entry.flag for entry in found)
                reasons = [] if is_listed or key is None else why_not(key, env, days, now)
        except DBError as error:
            let_go()
            raise database_failed(error, status=DATABASE_DOWN, so=ONLY_READS) from error
        except UndeclaredFlag as error:
            raise CommandError(
                f"{env} neither declares {key} nor has a row of it: there is nothing to clean up."
            ) from error
        if as_json:
            self.stdout.write(json.dumps([entry_as_json(entry) for entry in found], indent=2))
            return
        if not is_listed:
            self.stdout.write(f"Nothing to clean up in {env}, as far as is seen from here.")
        for reason in reasons:
            self.stdout.write(visible(f"{key}: {reason}"))
        for entry in found:
            for line in entry.lines:
                self.stdout.write(line)

    def _write(
        self, where: Environment, states: list[FlagState], failure: DBError | None, *, is_all: bool
    ) -> None:
        if failure is not None:
            for line in _told_without_rows(where, states, failure):
                self.stdout.write(line)
        for line in _around(where):
            self.stdout.write(line)
        if states:
            self._write_table(states, is_known=failure is None)
        else:
            self.stdout.write(
                "No flag is declared here: run python manage.py sync_flags in that environment."
            )
        if is_all and where.is_own:
            for name in config_vars.strays(runtime.declared()):
                self.stdout.write(f"stray: {name} is set, and no flag is declared under that name.")

    def _write_json(self, states: list[FlagState], failure: DBError | None) -> None:
        answers = [
            {
                "flag": state.key,
                "env": state.env,
                "value": state.value,
                "source": state.source.value,
                "layers": state.resolution.layers,
                "env_layer_known": state.environment.config_vars is not None,
                "db_layer_known": failure is None,
                "risk": state.declaration.risk.value,
            }
            for state in states
        ]
        self.stdout.write(json.dumps(answers, indent=2))

    def _write_table(self, states: list[FlagState], *, is_known: bool) -> None:
        width = max(len(state.key) for state in states) + 2
        self.stdout.write(
            f"{'flag':<{width}}{'env':<9}{'value':<7}{'source':<8}{'db':<5}{'env':<5}{'yaml':<6}risk"
        )
        for state in states:
            said = state.resolution
            db = _WORDS[said.db] if is_known else "?"
            env = _WORDS[said.env] if state.environment.config_vars is not None else "?"
            # Where no layer above YAML can be seen, one may say otherwise.
            unsure = "" if is_known or env != "?" else "?"
            self.stdout.write(
                f"{state.key:<{width}}{state.env:<9}"
                f"{_WORDS[state.value] + unsure:<7}{state.source + unsure:<8}"
                f"{db:<5}{env:<5}{_WORDS[said.yaml]:<6}{state.declaration.risk}"
            )


def _days(text: str) -> int:
    if text.isdecimal() and text.isascii() and int(text) <= MAX_DAYS:
        return int(text)
    raise argparse.ArgumentTypeError(f"DAYS is a whole number from 0 to {MAX_DAYS}")


def _told_without_rows(
    where: Environment, states: list[FlagState], failure: DBError
) -> Iterator[str]:
    """What the table below is worth, and what is left to do."""
    yield f"{how_it_failed(failure).upper()}: {one_line(failure)}"
    key = states[0].key if len(states) == 1 else ""
    if where.config_vars is not None:
        yield _OWN.format(env=where.name)
    else:
        yield _OTHER.format(env=where.name)
        name = config_vars.name_of(key or "<KEY>")
        for app in apps_of(where.name):
            yield f"  heroku config:get {name} --app {app}"
    to_change = f"heroku_commands {key or 'KEY'} on|off --env {where.name}"
    yield f"To change one: python manage.py {to_change}\n"


def _around(where: Environment) -> list[str]:
    """What holds for all flags of the environment."""
    told = where.told
    said = []
    if not where.db_layer:
        said.append("The database layer is off: env and yaml answer.")
    if told is not None:
        said.append(f"The env layer is what {told.app} reported, {age(told.at)}.")
    return said


def _without_rows(where: Environment, key: str | None) -> list[FlagState]:
    """What config vars and YAML say. Raises UndeclaredFlag."""
    if key is not None and key not in where.declarations:
        raise UndeclaredFlag(key, where.name)
    return [where.state(each, None) for each in ([key] if key else where.declarations)]
