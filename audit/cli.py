"""What every management command shares: who runs it, and what it says when the database fails."""

import os
import pwd
import re
import socket

from django.core.management.base import CommandError

from audit.actor import Actor, Channel
from audit.failures import Failure, failure_of, is_held, sqlstate

ONLY_READS = "This command only reads: nothing was changed."
# Tables and columns that are not there, in PostgreSQL's codes and in SQLite's words.
_UNKNOWN = ("42P01", "42703")
_UNKNOWN_TO_SQLITE = ("no such table", "no such column")
# Where PostgreSQL begins to repeat the statement, or a trigger's.
_STATEMENT = re.compile(r"^(?:LINE [0-9]+|CONTEXT):", re.MULTILINE)
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
    if is_away(error):
        return "The database does not answer"
    if is_held(error):
        return "The database is busy, something in it holds what was asked for"
    if failure_of(error) is Failure.BUSY:
        return "The database took too long for that"
    return "The database answers, but not as it should"


def is_away(error: Exception) -> bool:
    """Whether the database does not answer. SQLite has the same kind of error for a table that is
    not there."""
    return failure_of(error) is Failure.AWAY and not is_new_database(error)


def is_new_database(error: Exception) -> bool:
    """Whether the database may fail because `migrate` did not run on it, or not all of it."""
    told = str(error)
    return sqlstate(error) in _UNKNOWN or any(each in told for each in _UNKNOWN_TO_SQLITE)


def one_line(error: Exception) -> str:
    """What the database said: its lines as sentences on one, each with its mark at the end. Without
    the lines in which PostgreSQL repeats the statement."""
    said = _STATEMENT.split(str(error), maxsplit=1)[0]
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " ".join(line if line.endswith((".", "?", "!")) else f"{line}." for line in lines)


def visible(text: str) -> str:
    """What a terminal may show of a text that anybody may have written: characters that cannot be
    seen as their escapes. Some of them turn the direction of what follows, or clear the screen."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
