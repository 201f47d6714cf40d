"""GET, POST /console/elevate and POST /console/elevate/drop."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from accounts import sessions
from accounts.http import (
    ConsoleRequest,
    ended_elsewhere,
    operator_view,
    render_page,
    safe_next,
    see_other,
)
from accounts.proofs import ProofRefused, confirmed_devices, proven, wait_of
from accounts.records import record_about
from accounts.spans import span
from audit.services import audited

# htmx asks from the dialog, and swaps what it gets into it.
_DIALOG = "accounts/_elevate.html"


@sensitive_post_parameters("token")
@operator_view(methods=("GET", "POST"), permission=None, page="admin:elevate")
def elevate(request: ConsoleRequest) -> HttpResponse:
    """Ask for a code (`token`); with a good one the session is elevated, and on to `next`."""
    if request.method != "POST":
        return _form(request)
    token = request.POST.get("token", "")
    if not token.strip():
        return _form(request, "Give the six digits that your app shows now.", status=400)
    now, row = timezone.now(), request.operator_session
    try:
        with proven(request.user, token, actor=request.actor, now=now) as proof:
            sessions.elevate(request.session, row, request.user, proof, now)
            record_about(request.user, request.actor, "elevated", {"by": proof.by})
    except ProofRefused as refused:
        return _form(request, str(refused), status=refused.status, wait=refused.wait)
    except sessions.SessionEnded:
        return ended_elsewhere(request, "admin:elevate")
    if proof.recovery_code:
        messages.warning(
            request,
            f"Elevated by a recovery code, which is used up now: {proof.codes_left} left. "
            "If your device is lost, enrol a new one on your account page.",
        )
    return see_other(_next(request))


@operator_view(methods=("POST",), permission=None, page="admin:index")
def drop(request: ConsoleRequest) -> HttpResponse:
    """Leave the elevation early."""
    row = request.operator_session
    try:
        with audited():
            sessions.drop_elevation(request.session, row)
            if request.elevated_until is not None:
                record_about(request.user, request.actor, "elevation_dropped")
    except sessions.SessionEnded:
        return ended_elsewhere(request, "admin:index")
    messages.info(request, "You are no longer elevated.")
    return see_other(_next(request))


def _next(request: ConsoleRequest) -> str:
    asked = request.POST.get("next", "") or request.GET.get("next", "")
    return safe_next(request, asked, "admin:index")


def _form(
    request: ConsoleRequest, error: str = "", status: int = 200, wait: int = 0
) -> HttpResponse:
    devices = confirmed_devices(request.user)
    if devices and not wait:
        wait = wait_of(devices[0], timezone.now())
    context = {
        "title": "Give a code",
        "error": error,
        "wait": wait,
        "wait_span": span(wait),
        "elevation_span": span(settings.ELEVATION_SECONDS),
        "in_dialog": bool(request.htmx),
        "enrolled": bool(devices),
        "next": _next(request),
    }
    if request.htmx:
        response = render(request, _DIALOG, context, status=status)
    else:
        response = render_page(request, "accounts/elevate.html", context, status)
    if wait:
        response["Retry-After"] = str(wait)
    return response
