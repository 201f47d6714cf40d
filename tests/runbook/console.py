"""The console that the runbook is tried on: two deployments on the test's database, and a Heroku.

Commands of manage.py that need no shell run in this process, parsed as they are typed; all others
in a shell of their own, as real processes, with the stub `heroku` on their PATH.
"""

import io
import logging
import os
import pty
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from django.core.management import call_command
from django.core.management.base import CommandError

from audit.models import AuditEntry
from flags.models import FeatureFlag
from tests.conftest import PASSWORD
from tests.processes import raw_sql
from tests.processes.server import ROOT, environment
from tests.runbook.deployments import CONSOLES, Deployments
from tests.runbook.document import Command
from tests.runbook.heroku_cli import SECRET, SECRETS

_NO_DATABASE = "postgres://nobody@127.0.0.1:1/none"
_FOR_A_SHELL = set("|<>&;$`")


@dataclass(slots=True)
class Happened:
    """What a command printed, and what is different since. `rows` are those of flags that changed,
    None where there is none any more; `calls` what the stub was asked."""

    status: int = 0
    out: str = ""
    err: str = ""
    answer: Any = None
    rows: dict[tuple[str, str], bool | None] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    calls: list[list[str]] = field(default_factory=list)

    @property
    def acts(self) -> list[tuple[str, str]]:
        """Action and channel of each audit row."""
        return [(entry.action.removeprefix("console."), entry.channel) for entry in self.audit]


class Console(Deployments):
    """`shell` is the app in whose shell commands run; `answers` is what is typed there."""

    shell = "raxx-console-prod"
    database_is_down = False
    answers = ""

    def run(self, command: Command) -> Happened:
        """What running it does. Raises BadDocument, and AssertionError where a secret shows."""
        before, seen, asked = _rows(), _last_id(), len(self.calls())
        done = getattr(self, f"_{command.language}")(command.filled)
        done.calls = self.calls()[asked:]
        for call in done.calls:
            if call[0].startswith("config:") and call[0] != "config:get" and "--app" in call:
                self.release(call[call.index("--app") + 1])
        after = _rows()
        keys = {*before, *after}
        done.rows = {key: after.get(key) for key in keys if before.get(key) != after.get(key)}
        done.audit = list(AuditEntry.objects.filter(pk__gt=seen).order_by("pk"))
        assert SECRET not in f"{done.out}{done.err}", "a secret of the app was shown"
        told = [str([entry.payload, entry.context]) for entry in done.audit]
        assert SECRET not in " ".join(told), "a secret of the app is in the log"
        return done

    def _sh(self, line: str) -> Happened:
        argv = shlex.split(line)
        is_plain = argv[:2] == ["python", "manage.py"] and not _FOR_A_SHELL & set(line)
        if "--run" in argv:
            return self._at_a_terminal(line)
        if is_plain and not self.database_is_down:
            return self.run_here(*argv[2:])
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            input=self.answers,
            capture_output=True,
            text=True,
            timeout=60,
            **self._outside(),
        )
        return Happened(done.returncode, done.stdout, done.stderr)

    def run_here(self, *argv: str) -> Happened:
        """What a command of manage.py prints and ends with, in this process."""
        out, err, status = io.StringIO(), io.StringIO(), 0
        typed = mock.patch.object(sys, "stdin", io.StringIO(self.answers))
        given = mock.patch.dict(os.environ, OPERATOR_PASSWORD=PASSWORD)
        logs = logging.StreamHandler(err)
        logging.getLogger().addHandler(logs)
        with self.deployment(self.shell), typed, given, redirect_stdout(out), redirect_stderr(err):
            try:
                call_command(*argv, stdout=out, stderr=err)
            except CommandError as error:
                status = error.returncode
                err.write(f"CommandError: {error}")
            except SystemExit as error:
                status = int(error.code or 0)
            finally:
                logging.getLogger().removeHandler(logs)
        return Happened(status, out.getvalue(), err.getvalue())

    def _at_a_terminal(self, line: str) -> Happened:
        """Whoever sits there says y."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            ["/bin/sh", "-c", line], stdin=theirs, stdout=theirs, stderr=theirs, **self._outside()
        )
        os.close(theirs)
        told, is_asked = "", False
        try:
            while more := _read(ours):
                told += more
                if "[y/N]" in told and not is_asked:
                    is_asked = True
                    os.write(ours, b"y\n")
            return Happened(process.wait(60), told)
        finally:
            process.kill()
            process.wait()
            os.close(ours)

    def _outside(self) -> dict[str, Any]:
        """A real process's directory and environment: those of `shell`."""
        told = self.apps()[self.shell]
        variables = {name: value for name, value in told.items() if name not in SECRETS}
        database = {"DATABASE_URL": _NO_DATABASE} if self.database_is_down else {}
        path = [str(self.directory / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        named = {"CONSOLE_ENV": CONSOLES[self.shell], "HEROKU_APP_NAME": self.shell}
        whole = environment(
            **{**named, **variables, **database},
            PATH=os.pathsep.join(path),
            PYTHONPATH=str(ROOT),
            STUB_HEROKU=str(self.directory),
            OPERATOR_PASSWORD=PASSWORD,
        )
        return {"cwd": self.directory, "env": whole}

    def _sql(self, statement: str) -> Happened:
        """As psql and the sqlite3 shell send it, through the database's own driver."""
        if statement.upper().startswith("SELECT"):
            return Happened(answer=raw_sql.rows(statement))
        return Happened(answer=raw_sql.change(statement))

    def _yaml(self, entry: str) -> Happened:
        """Added to a flags file of our own, from which this console is released from now on."""
        path = self.directory / "feature_flags.yaml"
        path.write_text(f"{(ROOT / 'flags/feature_flags.yaml').read_text()}\n{entry}")
        self.use_flags_file(path)
        return Happened()

    def _python(self, source: str) -> Happened:
        return Happened(answer=self.runs_code(source))

    def runs_code(self, source: str) -> bool:
        """Run code of an application on staging. Returns whether it showed the feature."""
        shown: list[bool] = []
        known = {"show_the_feature": lambda: shown.append(True)}
        with self.deployment("raxx-console-staging"):
            exec(compile(source, "runbook", "exec"), known)
        return bool(shown)


def _rows() -> dict[tuple[str, str], bool]:
    rows = FeatureFlag.objects.values_list("flag_key", "env", "value")
    return {(key, env): bool(value) for key, env, value in rows}


def _last_id() -> int:
    return AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _read(terminal: int) -> str:
    """What comes next from a terminal; "" when its last process has ended."""
    try:
        return os.read(terminal, 65536).decode()
    except OSError:
        return ""
