import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DBError

from accounts.cli import broken_glass, cli_actor, elevated, operator_named
from audit.actor import Actor
from audit.cli import database_failed
from audit.commits import OutcomeUnknown
from audit.deadline import each_answer_within
from audit.failures import let_go
from flags import policy
from flags.cli import (
    PATIENCE_SECONDS,
    add_env,
    check_filled_in,
    is_confirmed,
    plan_now,
    write_plan,
)
from flags.errors import UndeclaredFlag
from flags.layers import word
from flags.models import MAX_INCIDENT_LENGTH
from flags.refusals import FlipRefused
from flags.services import Flip, Outcome, check_environment, flip
from flags.state import FlagState, read_state


class Command(BaseCommand):
    help = "Flip one flag, by the same rules and with the same audit row as the console."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key")
        parser.add_argument("to", choices=["on", "off"])
        add_env(parser, required=True)
        parser.add_argument("--reason", required=True, help="kept in the audit log")
        parser.add_argument("--incident", default="", help="the incident's number, for the log")
        parser.add_argument("--as", dest="name", help="the operator who acts")
        proof = parser.add_mutually_exclusive_group()
        proof.add_argument(
            "--totp",
            action="store_true",
            help="prove --as with a code of theirs, prompted for: high risk needs it",
        )
        proof.add_argument(
            "--break-glass",
            action="store_true",
            help="in an emergency, without a code: needs --as and --incident, and is marked until "
            "a superadmin acknowledges it",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask on the terminal")

    def handle(self, *, key: str, to: str, env: str, name: str | None, **options: Any) -> None:
        why = {name: options[name].strip() for name in ("reason", "incident")}
        _check(name, options["break_glass"], **why)
        try:
            with each_answer_within(PATIENCE_SECONDS):
                done = self._flip(key, env, to == "on", name, why, options)
        except UndeclaredFlag as error:
            raise CommandError(str(error)) from error
        except FlipRefused as refused:
            raise CommandError(f"{key}: {refused}") from refused
        except OutcomeUnknown as error:
            # Another way would be a second change, should the first one be done.
            raise CommandError(str(error)) from error
        except DBError as error:
            let_go()
            self._tell_ways(key, env, to == "on", error)
            raise database_failed(error) from error
        self.stdout.write(_sentence(done))

    def _flip(
        self, key: str, env: str, value: bool, name: str | None, why: dict[str, Any], options: Any
    ) -> Flip:
        actor = cli_actor(None if name is None else operator_named(name))
        state = read_state(key, env)
        if not options["yes"] and sys.stdin is not None and sys.stdin.isatty():
            self._ask(state, word(value))
        if options["break_glass"]:
            actor = broken_glass(actor)
        with _acting(actor, state, value, options["totp"]) as acting:
            return flip(key, env, value, actor=acting, seen=state.seen, **why)

    def _tell_ways(self, key: str, env: str, value: bool, error: DBError) -> None:
        """The ways that are left once the database failed the flip."""
        try:
            plan, _ = plan_now(key, env, value, after=error)
        except UndeclaredFlag as undeclared:
            raise CommandError(str(undeclared)) from undeclared
        self.stdout.write("# Not flipped: the database failed. The ways that are left:")
        write_plan(plan, self.stdout)

    def _ask(self, state: FlagState, to: str) -> None:
        now = word(state.value)
        question = f"{state.key} is {now} in {state.env} ({state.source}). Turn it {to}? [y/N] "
        if not is_confirmed(question):
            raise CommandError("Nothing was changed.")


def _check(name: str | None, break_glass: bool, *, reason: str, incident: str) -> None:
    if not reason:
        raise CommandError("--reason is empty: say why, the audit log keeps it.")
    check_filled_in(reason=reason, incident=incident)
    if len(incident) > MAX_INCIDENT_LENGTH:
        raise CommandError(f"--incident is longer than {MAX_INCIDENT_LENGTH} characters.")
    if break_glass and not (name and incident):
        raise CommandError("--break-glass needs --as and --incident: who acts, and for what.")


def _acting(
    actor: Actor, state: FlagState, value: bool, totp: bool
) -> AbstractContextManager[Actor]:
    """The actor as the flip has it; with `totp` a code is asked for, if the flip can use one."""
    if not totp or state.is_set_to(value):
        return nullcontext(actor)
    policy.check_role(actor, state.declaration.risk)
    check_environment(state.environment)
    return elevated(actor)


def _sentence(done: Flip) -> str:
    state, now = done.state, word(done.state.value)
    if done.outcome is Outcome.ALREADY:
        return f"{state.key} is already {now} in {state.env}; nothing was written."
    verb = "pinned" if done.outcome is Outcome.PINNED else "turned"
    return f"{state.key} {verb} {now} in {state.env}."
