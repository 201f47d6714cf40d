"""The actor behind a management command."""

import getpass
import os
import pwd
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from django.core.management.base import CommandError
from django.utils import timezone

from accounts.models import User
from accounts.proofs import ProofRefused, proven
from accounts.records import record_about
from audit.actor import Actor, Channel


def operating_system_user() -> str:
    """The name of the operating-system user, or the number of one without a name.

    Asked of the system: `getpass.getuser()` believes LOGNAME, which anyone can set.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def database_failed(error: Exception) -> CommandError:
    """What a command says when the database fails it, and what to do next."""
    return CommandError(
        f"The database does not answer as it should: {str(error).strip()}. On a new database run "
        "manage.py migrate first. Look at the present state before you try again."
    )


def cli_actor(user: User | None = None) -> Actor:
    """Whoever runs this command: the operating-system user, or the operator named by `--as`."""
    system_user = operating_system_user()
    return Actor(
        channel=Channel.CLI,
        label=user.get_username() if user else f"{system_user} (shell)",
        user=user,
        context={"os_user": system_user, "host": socket.gethostname()},
    )


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
