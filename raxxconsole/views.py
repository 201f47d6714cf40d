"""The active environment, and the answers that belong to no app."""

from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from accounts.http import (
    ConsoleRequest,
    ended_elsewhere,
    htmx_message,
    operator_view,
    refuse,
    safe_next,
)

ACTIVE_ENV = "active_env"
"""The session's key for the active environment."""


@operator_view(methods=("POST",), permission=None, page="admin:index")
def choose_environment(request: ConsoleRequest) -> HttpResponse:
    """POST /console/env: make `env` the active environment of this session, go back to `next`."""
    chosen = request.POST.get("env", "")
    if chosen not in settings.ENVIRONMENTS:
        return refuse(request, 400, "Choose one of the environments: prod or staging.")
    if chosen not in settings.CONSOLE_ENVIRONMENTS:
        return refuse(request, 409, f"This console does not show {chosen}.")
    request.session[ACTIVE_ENV] = chosen
    # Now, not when the answer is on its way: a choice that cannot be kept must not look kept.
    try:
        request.session.save()
    except UpdateError:
        return ended_elsewhere(request, "admin:index")
    return HttpResponseRedirect(safe_next(request, request.POST.get("next", ""), "admin:index"))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page was drawn before its reader signed in anew, in another tab for instance."""
    return refuse(
        request,
        403,
        "This page is out of date: you signed in again elsewhere since it was drawn, or your "
        "session ended. Nothing was changed. Reload the page, then try again.",
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refuse(request, 404, "There is nothing at this address.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refuse(request, 403, str(exception) or "You may not do this.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    # A host that is not ours is refused before anyone knows who asks.
    return _bare(
        request, 400, "Not understood", "The request was not understood. Nothing was changed."
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """500: touches neither the database nor the session, either of which may be the cause."""
    return _bare(
        request,
        500,
        "The console failed",
        "The console failed while it answered. Look at the current value before you try again.",
    )


def _bare(request: HttpRequest, status: int, title: str, message: str) -> HttpResponse:
    context = {"status": status, "title": title, "message": message}
    if request.headers.get("HX-Request"):
        return htmx_message(request, status, context)
    return render(None, "console/bare.html", context, status=status)
