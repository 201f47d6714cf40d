"""What every management command shares: who runs it, and what it says when the database fails."""

import os
import pwd
import socket

from django.core.management.base import CommandError

from audit.actor import Actor, Channel


def operating_system_user() -> str:
    """The name of the operating-system user, or the number of one without a name.

    Asked of the system: `getpass.getuser()` believes LOGNAME, which anyone can set.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def shell_actor() -> Actor:
    """Whoever runs this command: the operating-system user, and no operator."""
    system_user = operating_system_user()
    return Actor(
        channel=Channel.CLI,
        label=f"{system_user} (shell)",
        context={"os_user": system_user, "host": socket.gethostname()},
    )


def database_failed(
    error: Exception,
    *,
    status: int = 1,
    so: str = "Look at the present state before you try again.",
) -> CommandError:
    """What a command says when the database fails it, and what follows from that (`so`); its exit
    status."""
    said = " ".join(str(error).split()).rstrip(".?")
    return CommandError(
        f"The database does not answer as it should: {said}. On a new database run manage.py "
        f"migrate first. {so}",
        returncode=status,
    )
