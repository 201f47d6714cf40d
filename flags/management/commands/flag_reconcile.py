"""`flag_reconcile`: answer in the log for what was changed outside the console.

Without `--as` it takes flags of every risk, high risk too: whoever has the shell has the database,
most likely made the change, and the value stays as it is. A refusal would keep nobody from
anything but telling the log; the operating-system user and the host are kept there.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DBError

from accounts.cli import cli_actor, operator_named
from audit.actor import Actor
from audit.cli import database_failed
from audit.deadline import each_answer_within
from flags.cli import PATIENCE_SECONDS, add_env, check_filled_in
from flags.errors import UndeclaredFlag
from flags.layers import word
from flags.reconcile import Marked, Reconciled, look, marked, reconcile, told_why
from flags.refusals import FlipRefused


class Command(BaseCommand):
    help = (
        "Reconcile values that were changed outside the console: an audit row that names the "
        "incident. The values stay as they are."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", nargs="?", help="one flag; default: all that are marked")
        add_env(parser, required=True)
        parser.add_argument("--reason", required=True, help="kept in the audit log")
        parser.add_argument("--incident", required=True, help="the incident's number, for the log")
        parser.add_argument("--as", dest="name", help="the operator who acts")

    def handle(
        self,
        *,
        key: str | None,
        env: str,
        name: str | None,
        reason: str,
        incident: str,
        **options: Any,
    ) -> None:
        if not reason.strip():
            raise CommandError("--reason is empty: say why, the audit log keeps it.")
        check_filled_in(reason=reason, incident=incident)
        try:
            told_why(incident, reason)
            with each_answer_within(PATIENCE_SECONDS):
                actor = cli_actor(None if name is None else operator_named(name))
                found = marked(env) if key is None else [look(key, env)]
                if any(each.outside for each in found):
                    self._reconcile(found, actor, incident, reason)
                else:
                    self.stdout.write(_nothing(found, env))
        except UndeclaredFlag as error:
            raise CommandError(str(error)) from error
        except FlipRefused as refused:
            raise CommandError(str(refused)) from refused
        except DBError as error:
            raise database_failed(error) from error

    def _reconcile(self, found: list[Marked], actor: Actor, incident: str, reason: str) -> None:
        """Each in a transaction of its own: one that is refused holds up no other."""
        refusals = []
        for each in found:
            key, env, seen = each.state.key, each.state.env, each.change.seen if each.change else ""
            try:
                done = reconcile(key, env, actor=actor, seen=seen, incident=incident, reason=reason)
            except FlipRefused as refused:
                refusals.append(f"{key}: {refused}")
            else:
                self.stdout.write(_sentence(done))
        if refusals:
            raise CommandError("\n".join(refusals))


def _nothing(found: list[Marked], env: str) -> str:
    if not found:
        return f"There is nothing to reconcile in {env}."
    [only] = found
    last = f": last change {only.change}" if only.change else ""
    return f"{only.state.key} in {env}: nothing to reconcile{last}."


def _sentence(done: Reconciled) -> str:
    state, change = done.now.state, done.now.change
    if not done.done or change is None:
        return _nothing([done.now], state.env)
    now = "it has no row" if change.value is None else f"it stays {word(change.value)}"
    return f"{state.key} in {state.env}: reconciled ({change.incident}); {now}."
