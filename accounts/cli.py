"""The actor behind a management command."""

import os
import pwd
import socket

from django.core.management.base import CommandError

from accounts.models import User
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
