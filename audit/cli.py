"""What every management command shares: who runs it, and what it says when the database fails."""

import os
import pwd
import socket

from django.core.management.base import CommandError

from audit.actor import Actor, Channel
from audit.failures import Failure, failure_of

ONLY_READS = "This command only reads: nothing was changed."
LOOK_FIRST = "Look at the present state before you try again."


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


def database_failed(error: Exception, *, status: int = 1, so: str = LOOK_FIRST) -> CommandError:
    """What a command says when the database fails it, and what follows from that (`so`); its exit
    status."""
    first = (
        "On a new database run python manage.py migrate first. " if is_new_database(error) else ""
    )
    return CommandError(
        f"The database does not answer as it should: {one_line(error)} {first}{so}",
        returncode=status,
    )


def how_it_failed(error: Exception) -> str:
    """What became of a question that the database did not answer, in words for an operator."""
    failure = failure_of(error)
    if failure is Failure.AWAY and not is_new_database(error):
        return "The database does not answer"
    if failure is Failure.BUSY:
        return "The database is busy, something in it holds what was asked for"
    return "The database answers, but not as it should"


def is_new_database(error: Exception) -> bool:
    """Whether the database may fail because `migrate` did not run on it."""
    # SQLite says so with the error that it has for a file that cannot be opened, too.
    return failure_of(error) is None or "no such table" in str(error)


def one_line(error: Exception) -> str:
    """What the database said: its lines as sentences on one, each with its mark at the end."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(line if line.endswith((".", "?", "!")) else f"{line}." for line in lines)


def visible(text: str) -> str:
    """What a terminal may show of a text that anybody may have written: characters that cannot be
    seen as their escapes. Some of them turn the direction of what follows, or clear the screen."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
