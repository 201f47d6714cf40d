import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DBError

from audit.cli import database_failed
from flags.errors import UndeclaredFlag
from flags.state import FlagState, read_state, read_states

_WORDS = {True: "on", False: "off", None: "-"}


class Command(BaseCommand):
    help = "For each flag: value, source, and what every layer says. From the database, now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", nargs="?", help="one flag; default: all that are declared")
        parser.add_argument(
            "--env",
            choices=settings.CONSOLE_ENVIRONMENTS,
            default=settings.CONSOLE_ENV,
            help="default: this deployment's own",
        )
        parser.add_argument("--json", action="store_true", help="a JSON list, for programs")

    def handle(self, *, key: str | None, env: str, **options: Any) -> None:
        try:
            states = [read_state(key, env)] if key else list(read_states(env).values())
        except UndeclaredFlag as error:
            raise CommandError(str(error)) from error
        except DBError as error:
            raise database_failed(error) from error
        if options["json"]:
            self._write_json(states)
        else:
            self._write_table(states)

    def _write_json(self, states: list[FlagState]) -> None:
        answers = [
            {
                "flag": state.key,
                "env": state.env,
                "value": state.value,
                "source": state.source.value,
                "layers": state.resolution.layers,
                "env_layer_known": state.environment.config_vars is not None,
                "risk": state.declaration.risk.value,
            }
            for state in states
        ]
        self.stdout.write(json.dumps(answers, indent=2))

    def _write_table(self, states: list[FlagState]) -> None:
        if not settings.FLAG_CONSOLE_FEATURE_FLAGS_DB:
            self.stdout.write("The database layer is off: env and yaml answer.")
        if not states:
            self.stdout.write(
                "No flag is declared here: run manage.py sync_flags in that environment."
            )
            return
        width = max(len(state.key) for state in states) + 2
        self.stdout.write(
            f"{'flag':<{width}}{'env':<9}{'value':<7}{'source':<8}{'db':<5}{'env':<5}{'yaml':<6}risk"
        )
        for state in states:
            said = state.resolution
            env = _WORDS[said.env] if state.environment.config_vars is not None else "?"
            self.stdout.write(
                f"{state.key:<{width}}{state.env:<9}{_WORDS[state.value]:<7}{state.source:<8}"
                f"{_WORDS[said.db]:<5}{env:<5}{_WORDS[said.yaml]:<6}{state.declaration.risk}"
            )
