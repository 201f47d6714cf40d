"""GET /healthz: alive. GET /readyz: able to serve. JSON, cached for some seconds."""

import logging
import threading
import time
from collections.abc import Callable

from django.db import Error as DBError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from audit import triggers
from audit.deadline import answers_within
from audit.failures import Failure, failure_of, let_go, takes_no_changes
from flags import runtime
from flags.declarations import DeclarationsError
from raxxconsole import outage, outage_pass

logger = logging.getLogger(__name__)

CACHE_SECONDS = 5.0
LOOK_SECONDS = 3.0
_AWAY = "the database does not answer"
_FAILURES = {
    Failure.AWAY: _AWAY,
    Failure.BUSY: "the database is busy",
    Failure.READ_ONLY: "the database is read-only",
}
_lock = threading.Lock()
_last: tuple[float, dict[str, str]] | None = None


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when database, migrations, triggers and YAML are as they must be, else 503.

    The causes go to signed-in callers alone.
    """
    problems = _problems()
    answer: dict[str, object] = {"status": "unavailable" if problems else "ok"}
    if problems and _is_signed_in(request, problems):
        answer["problems"] = problems
    return JsonResponse(answer, status=503 if problems else 200)


def _is_signed_in(request: HttpRequest, problems: dict[str, str]) -> bool:
    """Whether an operator asks; by their pass, where the database cannot be asked for sessions."""
    if problems.get("database") == _AWAY:
        return bool(outage_pass.bearer(request))
    try:
        with answers_within(LOOK_SECONDS):
            return request.user.is_authenticated
    except DBError:
        return False


def _problems() -> dict[str, str]:
    """What the last look found, or a new look when that one is old.

    While one caller looks at a database that hangs, the others get the last answer at once.
    """
    global _last
    last = _last
    if last is not None and time.monotonic() - last[0] < CACHE_SECONDS:
        return last[1]
    if not _lock.acquire(timeout=CACHE_SECONDS if last is None else 0):
        return last[1] if last is not None else {"database": "does not answer"}
    try:
        if _last is not None and _last is not last:
            return _last[1]
        problems = _look()
        # The time after the look: one that took long is as fresh as any.
        _last = time.monotonic(), problems
        return problems
    finally:
        _lock.release()


def _look() -> dict[str, str]:
    """Problem by name of the thing looked at; told to the log, too, on one line. It takes no longer
    than LOOK_SECONDS."""
    outage.let_go_of_read_only()
    with answers_within(LOOK_SECONDS):
        problems, driver_said = _problems_found()
    if "database" in problems:
        # What this connection says of the database may outlast what is so.
        let_go()
    if problems:
        told = [f"{name}: {problem}" for name, problem in problems.items()]
        logger.warning("/readyz: %s", " ".join("; ".join([*told, *driver_said]).split()))
    return problems


def _problems_found() -> tuple[dict[str, str], list[str]]:
    """Problem by name, and what the driver said of the database, which is for the log alone."""
    looks: dict[str, Callable[[], str]] = {
        "yaml": _yaml_problem,
        "database": _database_problem,
        "migrations": _unapplied_migrations,
        "triggers": lambda: ", ".join(triggers.missing(connection)),
    }
    problems: dict[str, str] = {}
    for name, look in looks.items():
        try:
            problem = look()
        except DBError as error:
            # The next look would wait for the same database.
            return problems | {"database": _said_of(error)}, [str(error)]
        if problem:
            problems[name] = problem
    return problems, []


def _said_of(error: DBError) -> str:
    """In words of ours: the driver's name addresses."""
    failure = failure_of(error)
    return _FAILURES[failure] if failure else str(error).strip()


def _database_problem() -> str:
    connection.ensure_connection()
    return _FAILURES[Failure.READ_ONLY] if takes_no_changes(connection) else ""


def _unapplied_migrations() -> str:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return ", ".join(str(migration) for migration, _ in plan)


def _yaml_problem() -> str:
    try:
        runtime.declared()
    except DeclarationsError as error:
        return str(error)
    return ""
