"""What to do where somebody's lock is in the way of a flip."""

from collections.abc import Iterator

from django.db import Error as DBError
from django.db import connection

from audit.failures import is_held
from flags.heroku.ways import Step


def unblocking(error: DBError | None) -> Iterator[Step]:
    """The first step, where a lock that somebody holds was in the way (`error`)."""
    if error is None or not is_held(error):
        return
    waits = "Something else holds what the flip waited for"
    if connection.vendor == "sqlite":
        yield Step((f"{waits}: another process writes to the file. Try again once it is done.",))
        return
    says = (
        f"{waits}, such as a transaction that somebody left open. Who does, in psql, the oldest "
        "first; ask them to end it, or end it by its pid. Then flip.",
    )
    yield Step(says, (_holders(), _end_session("<pid>")))


def _holders() -> str:
    """The query of PostgreSQL that tells who holds what a flip needs, the oldest first: our tables,
    or the log's chain. Who only reads is in nobody's way."""
    return (
        "SELECT DISTINCT a.pid, a.usename, a.application_name, a.state, a.xact_start\n"
        "FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid\n"
        "WHERE a.datname = current_database() AND l.granted AND a.pid <> pg_backend_pid()\n"
        "AND (l.locktype = 'advisory' OR l.relation::regclass::text LIKE '%console_%'\n"
        "     AND l.mode <> 'AccessShareLock') ORDER BY a.xact_start;"
    )


def _end_session(pid: str) -> str:
    """The statement that ends a session of PostgreSQL's; what it has not committed is undone."""
    return f"SELECT pg_terminate_backend({pid});"
