"""GET /healthz: alive. GET /readyz: able to serve. JSON, cached for some seconds."""

import threading
import time
from collections.abc import Callable

from django.db import Error as DBError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from audit import triggers
from flags import runtime
from flags.declarations import DeclarationsError

CACHE_SECONDS = 5.0
_lock = threading.Lock()
_last: tuple[float, dict[str, str]] | None = None


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers."""
    return JsonResponse({"status": "ok"})


@require_GET
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when database, migrations, triggers and YAML are as they must be, else 503.

    The causes go to signed-in callers alone.
    """
    problems = _problems()
    answer: dict[str, object] = {"status": "unavailable" if problems else "ok"}
    if problems and _is_signed_in(request):
        answer["problems"] = problems
    return JsonResponse(answer, status=503 if problems else 200)


def _is_signed_in(request: HttpRequest) -> bool:
    try:
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
    """Problem by name of the thing looked at."""
    looks: dict[str, Callable[[], str]] = {
        "yaml": _yaml_problem,
        "migrations": _unapplied_migrations,
        "triggers": lambda: ", ".join(triggers.missing(connection)),
    }
    problems: dict[str, str] = {}
    for name, look in looks.items():
        try:
            problem = look()
        except DBError as error:
            # The next look would wait for the same database.
            return problems | {"database": str(error).strip()}
        if problem:
            problems[name] = problem
    return problems


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
