"""What a database error says of the database, as far as an operator has to know."""

import os
from enum import StrEnum

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper


class Failure(StrEnum):
    """Why the database did not do what it was asked. None of these is a fault of the console."""

    AWAY = "away"
    """It does not answer, or refuses to talk at all."""
    BUSY = "busy"
    """It answers, but something else holds what was asked for."""
    READ_ONLY = "read-only"
    """It answers, and takes no changes."""


# SQLSTATEs: a lock that was not to be had in time, a statement that took too long, a deadlock and
# its relatives.
_TOO_LONG = "57014"
_BUSY = ("55P03", _TOO_LONG, "40")
_READ_ONLY = "25006"


def failure_of(error: BaseException) -> Failure | None:
    """What `error` (Django's, with the driver's as its cause) says; None: some other error."""
    if not isinstance(error, DatabaseError | InterfaceError):
        return None
    said = sqlstate(error)
    name = getattr(error.__cause__, "sqlite_errorname", "")
    if said == _READ_ONLY or name.startswith("SQLITE_READONLY"):
        return Failure.READ_ONLY
    if said.startswith(_BUSY) or name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Failure.BUSY
    # psycopg2 raises the bare DatabaseError where a connection broke in the middle of an answer.
    broke = type(error) is DatabaseError
    return Failure.AWAY if broke or isinstance(error, OperationalError | InterfaceError) else None


def is_held(error: BaseException) -> bool:
    """Whether somebody's lock was in the way. Not so where the server ended a statement after its
    time: nobody needs to hold anything for that."""
    return failure_of(error) is Failure.BUSY and sqlstate(error) != _TOO_LONG


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's code of the error; "" where no server said anything."""
    return getattr(error.__cause__, "pgcode", None) or ""


def let_go() -> None:
    """Close this thread's connection: the next question opens one to the database as it is then."""
    if not connection.in_atomic_block:
        connection.close()


def takes_no_changes(database: BaseDatabaseWrapper) -> bool:
    """Whether the connection, as it is open now, is to a database that is read-only.

    Asks nothing: PostgreSQL tells each session by itself, from version 14 on; of an older one, and
    of a connection that is not open, it is not known here.
    """
    if database.vendor == "sqlite":
        return not os.access(database.settings_dict["NAME"], os.W_OK)
    if database.connection is None or database.connection.closed:
        return False
    said = database.connection.info.parameter_status
    return "on" in (said("default_transaction_read_only"), said("in_hot_standby"))
