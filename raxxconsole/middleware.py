"""What every request carries: an id, the active environment, the actor."""

import re
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import escape_leading_slashes

from accounts.http import ConsoleRequest
from audit.actor import Actor, Channel
from raxxconsole.views import ACTIVE_ENV, database_unavailable

GetResponse = Callable[[Any], HttpResponse]
_DATABASE_AWAY = (OperationalError, InterfaceError)
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


def request_id(get_response: GetResponse) -> GetResponse:
    """Give the request an id (the router's, where it sent a sound one) and say it in the answer."""

    def middleware(request: ConsoleRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request.request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        response = get_response(request)
        response["X-Request-ID"] = request.request_id
        return response

    return middleware


class OperatorMiddleware:
    """`request.active_env` and `request.actor` on console pages; 503 while the database is away."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: ConsoleRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", ""):
            # PostgreSQL takes no NUL in a text: the page without such a query.
            # A path that begins with two slashes would name another host.
            return HttpResponseRedirect(escape_leading_slashes(request.path))
        if request.path.startswith("/console/"):
            try:
                request.active_env = _active_env(request)
                request.actor = console_actor(request)
            except _DATABASE_AWAY:
                return database_unavailable(request)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, _DATABASE_AWAY):
            return database_unavailable(request)
        return None


def _active_env(request: HttpRequest) -> str:
    chosen = request.session.get(ACTIVE_ENV)
    return chosen if chosen in settings.CONSOLE_ENVIRONMENTS else settings.CONSOLE_ENV


def console_actor(request: ConsoleRequest) -> Actor:
    """Whoever is signed in, acting through this request."""
    return Actor(
        channel=Channel.CONSOLE,
        label=request.user.get_username() or "anonymous",
        user=request.user if request.user.is_authenticated else None,
        context={"request_id": request.request_id, "address": client_address(request)},
    )


def client_address(request: HttpRequest) -> str:
    """Where the request came from. Behind Heroku's router that is the right-most X-Forwarded-For:
    the router appends it, and everything to its left is the client's own say."""
    forwarded = "" if settings.DEBUG else request.headers.get("X-Forwarded-For", "")
    return forwarded.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")
