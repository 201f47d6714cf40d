"""A Heroku with two consoles on the test's database, whose config vars a stub `heroku` keeps."""

import io
import json
import os
import shlex
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from unittest import mock

import time_machine
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

import flags
from flags.config_vars import SWITCH, parse_bool
from flags.testing import inline_store
from tests.processes.server import ROOT
from tests.runbook.heroku_cli import SECRETS

CONSOLES = {"raxx-console-prod": "prod", "raxx-console-staging": "staging"}
APPS = (*CONSOLES, "raxx-api-prod", "raxx-api-staging")


class Deployments:
    """Made in an empty directory: the CLI, a place to run commands in, both consoles released."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory, self._stack = directory, stack
        program = self.directory / "bin/heroku"
        program.parent.mkdir()
        call = f'exec {shlex.quote(sys.executable)} -m tests.runbook.heroku_cli "$@"'
        program.write_text(f"#!/bin/sh\n{call}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        (self.directory / "manage.py").symlink_to(ROOT / "manage.py")
        (self.directory / "docs/ops").mkdir(parents=True)
        self.write_apps({app: dict(SECRETS) for app in APPS})
        for app in CONSOLES:
            self.set_vars(app, **{SWITCH: "1"})
            self.release(app)

    def apps(self) -> dict[str, dict[str, str]]:
        return json.loads((self.directory / "apps.json").read_text())

    def write_apps(self, apps: dict[str, dict[str, str]]) -> None:
        (self.directory / "apps.json").write_text(json.dumps(apps))

    def set_vars(self, app: str, **variables: str) -> None:
        apps = self.apps()
        apps[app] |= variables
        self.write_apps(apps)

    def calls(self) -> list[list[str]]:
        told = self.directory / "calls.jsonl"
        return [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []

    def release(self, app: str) -> None:
        """The part of the release phase that reports config vars; Raptor's apps have none."""
        if app in CONSOLES:
            with self.deployment(app):
                call_command("sync_flags", stdout=io.StringIO())

    @contextmanager
    def deployment(self, app: str) -> Iterator[None]:
        """This process as one of that app, with its config vars."""
        told = {name: value for name, value in self.apps()[app].items() if name.startswith("FLAG_")}
        is_on = bool(parse_bool(told.get(SWITCH, "")))
        named = {"CONSOLE_ENV": CONSOLES[app], "APP_NAME": app}
        with (
            override_settings(FLAG_CONSOLE_FEATURE_FLAGS_DB=is_on, **named),
            mock.patch.dict(os.environ, told),
            inline_store(),
        ):
            yield

    def is_on(self, key: str, env: str) -> bool:
        """What application code is told in that environment's console."""
        with self.deployment(f"raxx-console-{env}"):
            return flags.is_on(key)

    def source(self, key: str, env: str) -> str:
        with self.deployment(f"raxx-console-{env}"):
            return flags.explain(key).source.value

    def pass_time(self, by: timedelta) -> None:
        """The console's clock moves on."""
        self.travel(timezone.now() + by)

    def travel(self, to: datetime) -> None:
        self._stack.enter_context(time_machine.travel(to))

    def use_flags_file(self, path: Path) -> None:
        self._stack.enter_context(override_settings(FEATURE_FLAGS_FILE=path))
