"""What every request carries: an id, the active environment, the actor."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import Error as DBError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, UnreadablePostError
from django.utils.cache import add_never_cache_headers
from django.utils.http import escape_leading_slashes

from accounts.http import ConsoleRequest, client_address, console_actor
from audit.commits import noting_acts
from audit.deadline import slow_answers_within
from audit.failures import Failure, failure_of, let_go
from flags.ofrep.middleware import PREFIX as _OFREP
from raxxconsole import logs, outage, outage_page, outage_pass
from raxxconsole.views import ACTIVE_ENV

logger = logging.getLogger(__name__)
access_log = logging.getLogger("raxxconsole.access")
GetResponse = Callable[[Any], HttpResponse]
# Together with connecting anew and looking up a COMMIT it stays below the browser's 25 s.
REQUEST_SECONDS = 15.0
_CONSOLE = "/console"
_NO_DEVICES = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid"),
        *("magnetometer", "microphone", "midi", "payment", "serial", "usb"),
    )
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


def request_id(get_response: GetResponse) -> GetResponse:
    """Give the request an id (the router's, where it sent a sound one) and say it in the answer."""

    def middleware(request: ConsoleRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request.request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        token, started = logs.request_id.set(request.request_id), time.monotonic()
        try:
            response = get_response(request)
            response["X-Request-ID"] = request.request_id
            # The path alone: a query may hold what somebody typed.
            told = {
                "method": request.method,
                "path": request.path,
                "status": response.status_code,
                "ms": round((time.monotonic() - started) * 1000),
                "address": client_address(request),
            }
            if not request.path_info.startswith(settings.STATIC_URL):
                access_log.info("%(method)s %(path)s %(status)s", told, extra=told)
            return response
        finally:
            logs.request_id.reset(token)

    return middleware


def head_without_body(get_response: GetResponse) -> GetResponse:
    """Answer HEAD by headers alone: gunicorn warns of each body that it has to drop."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.method == "HEAD" and not response.streaming:
            # Content-Length stays that of the GET.
            response.content = b""
        return response

    return middleware


def response_headers(get_response: GetResponse) -> GetResponse:
    """What Django and django-csp do not set: no page is kept anywhere, no device is asked for."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", _NO_DEVICES)
        if request.path_info.startswith(_CONSOLE):
            add_never_cache_headers(response)
        return response

    return middleware


class ConsoleSessionMiddleware(SessionMiddleware):
    """Django's own; a session that the database does not take is a 503 that says so, not a 500."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        try:
            return super().process_response(request, response)
        except DBError as error:
            answer = _outage(request, error)
            if answer is None:
                raise
            return answer


class OperatorMiddleware:
    """`request.active_env` and `request.actor` on console pages; 503 while the database is away."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: ConsoleRequest) -> HttpResponse:
        if request.path_info.startswith(_OFREP):
            return self.get_response(request)
        if "%00" in request.META.get("QUERY_STRING", ""):
            # PostgreSQL takes no NUL in a text: the page without such a query.
            # A path that begins with two slashes would name another host.
            return HttpResponseRedirect(escape_leading_slashes(request.path))
        if not request.path_info.startswith(f"{_CONSOLE}/"):
            return self.get_response(request)
        _read_body(request)
        why_not = outage.why_not_ask()
        if why_not is not None:
            return outage_page.answer(request, why_not)
        # The browser gives a flip up after 25 s; looking for a lost commit comes on top of these.
        with noting_acts() as request.acts, slow_answers_within(REQUEST_SECONDS):
            try:
                request.active_env = _active_env(request)
                request.actor = console_actor(request)
                response = self.get_response(request)
                return _after(request, response)
            except DBError as error:
                answer = _outage(request, error)
                if answer is None:
                    raise
                return answer

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return _outage(request, exception)


def _after(request: ConsoleRequest, response: HttpResponse) -> HttpResponse:
    """What is left to do once a console page is drawn, or was refused."""
    if response.status_code != 503:
        if request.user.is_authenticated:
            outage.answered()
        outage_pass.carry(request, response, request.user)
    return response


def _outage(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """503 where the error is the database's, and not the console's."""
    failure = failure_of(error)
    if failure is None:
        return None
    # The first one with all that is known, those that follow it in one line each.
    is_news = failure is not Failure.AWAY or outage.failed(error)
    said = "the database is %s for %s %s: %s"
    first_line = str(error).partition("\n")[0]
    logger.error(
        *(said, failure, request.method, request.path, first_line),
        exc_info=error if is_news else None,
    )
    let_go()
    return outage_page.answer(request, failure)


def _read_body(request: HttpRequest) -> None:
    """Wait for all of a POST before asking who sends it.

    A body that is sent slowly would else act with what its sender was minutes ago.
    """
    # Browsers send what our pages are written in; other codecs make texts that no database takes.
    request.encoding = "utf-8"
    # One that breaks off has no fields: what needs them refuses it.
    with suppress(UnreadablePostError):
        _ = request.POST


def _active_env(request: HttpRequest) -> str:
    chosen = request.session.get(ACTIVE_ENV)
    return chosen if chosen in settings.CONSOLE_ENVIRONMENTS else settings.CONSOLE_ENV
