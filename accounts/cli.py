"""The actor behind a management command."""

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from django.core.management.base import CommandError
from django.utils import timezone

from accounts.models import User
from accounts.proofs import ProofRefused, proven
from accounts.records import record_about
from audit.actor import Actor
from audit.cli import shell_actor


def cli_actor(user: User | None = None) -> Actor:
    """Whoever runs this command: the operating-system user, or the operator named by `--as`."""
    actor = shell_actor()
    return replace(actor, label=user.get_username(), user=user) if user else actor


def operator_named(name: str, *, active: bool = True) -> User:
    """The operator of that name; unless `active` is False, an active one. Raises CommandError."""
    user = User.objects.filter(username=name).first()
    if user is None or (active and not user.is_active):
        raise CommandError(f"There is no {'active ' if active else ''}operator {name!r}.")
    return user


@contextmanager
def elevated(actor: Actor) -> Iterator[Actor]:
    """Ask on the terminal, or take from standard input, a code of the operator; good for one act.

    The block does the act, with the actor that it is given, in the transaction that spends the
    code: where the act fails, the code is as good as before. Raises CommandError.
    """
    if actor.user is None:
        raise CommandError("--totp needs --as: whose code is it?")
    code = _ask_code(actor.label)
    if not code.strip():
        raise CommandError("No code was given. Nothing was changed.")
    try:
        with proven(actor.user, code, actor=actor, now=timezone.now()) as proof:
            record_about(actor.user, actor, "elevated", {"by": proof.by})
            yield replace(actor, elevated=True, context={**actor.context, "proof": proof.by})
    except ProofRefused as refused:
        raise CommandError(f"{refused.with_wait} Nothing was changed.") from refused


def broken_glass(actor: Actor) -> Actor:
    """The actor, acting without a proof and marked so: nobody showed to be the operator named."""
    marks = {"break_glass": True, "claimed_by": actor.label}
    return replace(actor, break_glass=True, context={**actor.context, **marks})


def ask_password() -> str:
    """OPERATOR_PASSWORD, or what is typed twice on the terminal. Raises CommandError."""
    given = os.environ.get("OPERATOR_PASSWORD")
    if given:
        return given
    try:
        password = getpass.getpass("Password: ")
        again = getpass.getpass("Password, again: ")
    except (EOFError, KeyboardInterrupt):
        raise CommandError("No password was given; nothing was changed.") from None
    if password != again:
        raise CommandError("The two passwords differ; nothing was changed.")
    return password


def _ask_code(name: str) -> str:
    question = f"Code of {name}: "
    try:
        if sys.stdin is not None and sys.stdin.isatty():
            return getpass.getpass(question)
        return (sys.stdin.readline() if sys.stdin is not None else "").strip()
    except (EOFError, KeyboardInterrupt):
        return ""
