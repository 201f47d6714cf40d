"""`heroku_commands`: the break-glass commands for one flag (runbook section 6)."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DBError

from accounts.cli import cli_actor
from audit.actor import Actor
from audit.cli import how_it_failed, is_new_database, one_line
from audit.commits import OutcomeUnknown
from audit.failures import Failure, failure_of, let_go
from flags.cli import check_filled_in, is_confirmed, patience, plan_now, write_plan
from flags.errors import UndeclaredFlag
from flags.heroku import by_hand
from flags.heroku.calls import Call, update_row
from flags.heroku.override import Override
from flags.models import MAX_INCIDENT_LENGTH

NOT_IN_LOG = (
    "The database did not take it, so the audit log will not have this: note it in the incident."
)


Noting = Callable[[str, str, bool, Sequence[Call], Actor, dict[str, str]], None]


@dataclass(frozen=True, slots=True)
class _Asked:
    key: str
    env: str
    value: bool
    why: dict[str, str]


class Command(BaseCommand):
    help = (
        "Print the commands that change a flag around the console, in an emergency: which of them "
        "work, in which order, what each costs and how back. Works with the database down."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key")
        parser.add_argument("to", choices=["on", "off"])
        parser.add_argument("--env", required=True, choices=settings.ENVIRONMENTS)
        parser.add_argument(
            "--run", action="store_true", help="run those of the heroku CLI, after a confirmation"
        )
        parser.add_argument("--reason", default="", help="with --run: kept in the audit log")
        parser.add_argument("--incident", default="", help="with --run: the incident's number")
        parser.add_argument("--yes", action="store_true", help="do not ask on the terminal")

    def handle(self, *, key: str, to: str, env: str, run: bool, yes: bool, **options: Any) -> None:
        why = {name: options[name].strip() for name in ("reason", "incident")}
        check_filled_in(**why)
        if len(why["incident"]) > MAX_INCIDENT_LENGTH:
            raise CommandError(f"--incident is longer than {MAX_INCIDENT_LENGTH} characters.")
        asked = _Asked(key, env, to == "on", why)
        try:
            found, failure = plan_now(key, env, asked.value)
        except UndeclaredFlag as error:
            raise CommandError(str(error)) from error
        if failure is not None:
            migrate = " On a new database run python manage.py migrate first."
            hint = migrate if is_new_database(failure) else ""
            self.stderr.write(f"{how_it_failed(failure)}: {one_line(failure)}{hint}")
        if not found.calls:
            row = f"The row can be changed in psql: {update_row(key, env, asked.value)}"
            raise CommandError(f"HEROKU_APPS names no app of {env}: no config var to set.\n{row}")
        write_plan(found, self.stdout)
        if run:
            if not any(why.values()):
                self.stderr.write("No --reason and no --incident: the log will not say why.")
            self._confirm(found, yes)
            away = failure is not None and failure_of(failure) is Failure.AWAY
            self._run(asked, found, is_known=not away)

    def _confirm(self, found: Override, yes: bool) -> None:
        if not by_hand.is_installed():
            raise CommandError("The heroku CLI is not installed here: copy the lines. Nothing ran.")
        lines = "\n".join(map(str, found.calls))
        if not yes and not is_confirmed(f"\nRun these now?\n{lines}\n[y/N] "):
            raise CommandError("Nothing was run: say y on a terminal, or pass --yes.")

    def _note(
        self, asked: _Asked, noting: Noting, calls: Sequence[Call], *, is_known: bool
    ) -> None:
        """Into the log; but the emergency does not wait for a database that is away."""
        if is_known:
            try:
                with patience():
                    noting(asked.key, asked.env, asked.value, calls, cli_actor(), asked.why)
                return
            except OutcomeUnknown as error:
                let_go()
                self._say(str(error))
                return
            except DBError as error:
                let_go()
                self._say(f"{how_it_failed(error)}: {one_line(error)}")
        self._say(NOT_IN_LOG)

    def _run(self, asked: _Asked, found: Override, *, is_known: bool) -> None:
        """The log has what is not done before anybody is told: nobody may be there any more."""
        run = by_hand.Run(found.calls)
        with by_hand.signals_interrupt() as over:
            try:
                self._note(asked, by_hand.note, found.calls, is_known=is_known)
                for call, wrong in run:
                    self.stdout.write(f"{call.app}: {wrong or 'set'}.")
            except (KeyboardInterrupt, OSError):
                # It may have been waiting for an answer.
                let_go()
            # What is left to do is to tell the log: whatever comes now does not break that off.
            over.set()
            left = run.left
            failed = [*run.failed, *(call for call, _ in left)]
            if failed:
                self._note(asked, by_hand.note_failure, failed, is_known=is_known)
        for call, how_far in left:
            self._say(f"{call.app}: {how_far}.")
        if failed:
            apps = ", ".join(call.app for call in failed)
            raise CommandError(f"Not done on {apps}: look there, then try again.")

    def _say(self, text: str) -> None:
        """To whoever is still there."""
        with suppress(OSError):
            self.stderr.write(text)
