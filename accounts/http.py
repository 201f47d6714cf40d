"""Who may reach a console page: one decorator, in the contract's order of refusals."""

import functools
import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget
from django_htmx.middleware import HtmxDetails

from accounts.refusals import ActRefused, ProofNeeded
from audit.actor import Actor, Channel
from audit.commits import Acts

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import OperatorSession, User


class ConsoleRequest(HttpRequest):
    """A request as the console's middleware leaves it (for type checkers)."""

    user: "User"
    htmx: HtmxDetails
    request_id: str
    active_env: str
    actor: Actor
    operator_session: "OperatorSession"
    elevated_until: "datetime | None"
    acts: Acts


View = Callable[Concatenate[ConsoleRequest, ...], HttpResponse]


def operator_view(
    *, methods: tuple[str, ...], permission: str | None, page: str | None = None
) -> Callable[[View], View]:
    """Let a signed-in operator with `permission` through; refuse others as the contract says.

    CSRF was checked before (the middleware). Then, in this order: signed out, 405, 403. After
    signing in, a visitor of a page comes back to it; `page` is where all others are brought (a
    page, never a POST's address).
    """

    if "GET" in methods:
        methods = (*methods, "HEAD")

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def inner(request: ConsoleRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            refusal = _refusal(request, methods, permission, page)
            return view(request, *args, **kwargs) if refusal is None else refusal

        return inner

    return decorate


def _refusal(
    request: ConsoleRequest, methods: tuple[str, ...], permission: str | None, page: str | None
) -> HttpResponse | None:
    if not (request.user.is_active and request.user.is_staff):
        is_page = request.method == "GET" and "GET" in methods
        return sign_in_first(request, request.get_full_path() if is_page or not page else page)
    if request.method not in methods:
        response = refuse(request, 405, f"This address takes {' or '.join(methods)} only.")
        response["Allow"] = ", ".join(methods)
        return response
    if permission and not request.user.has_perm(permission):
        return refuse(request, 403, "Your role may not see this page.")
    return None


def sign_in_first(request: ConsoleRequest, page: str) -> HttpResponse:
    """302 to the login page; for HTMX 401, because an XHR follows a 302 before htmx sees it."""
    page = resolve_url(page)
    if request.method not in ("GET", "HEAD"):
        messages.warning(request, "You were signed out before this was done: nothing was changed.")
    if not request.htmx:
        return redirect_to_login(page)
    current = request.htmx.current_url_abs_path
    response = HttpResponseClientRedirect(
        f"{resolve_url('admin:login')}?{urlencode({'next': current or page})}"
    )
    response.status_code = 401
    return response


def ended_elsewhere(request: ConsoleRequest, page: str) -> HttpResponse:
    """The session was signed out since this request began: nothing was done."""
    request.session.flush()
    return sign_in_first(request, page)


def safe_next(request: HttpRequest, asked: str, default: str) -> str:
    """`asked`, if it is a path of this very host, else `default`: no open redirects."""
    here = {request.get_host()}
    is_here = url_has_allowed_host_and_scheme(asked, here, require_https=request.is_secure())
    if is_here and asked.startswith("/") and not asked.startswith("//"):
        return asked
    return resolve_url(default)


def refuse(request: HttpRequest, status: int, message: str, **context: Any) -> HttpResponse:
    """An answer of this status whose message the operator sees.

    For HTMX it lands in the page's message area, else it is a page of its own.
    """
    # From a refusal a switch of the environment leads to the console's first page.
    context |= {"message": message, "status": status, "this_page": ""}
    if getattr(request, "htmx", False):
        return htmx_message(request, status, context)
    return render_page(request, "console/refused.html", {"title": TITLES[status]} | context, status)


def render_page(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """A whole page of the console: `context`, and what the admin's header needs."""
    return render(request, template, admin.site.each_context(request) | context, status=status)


def act_refused(request: HttpRequest, refused: ActRefused, back: str) -> HttpResponse:
    """The answer to a refused act; where elevation is what it lacks, with the way there and back
    to the page `back`."""
    elevate_to = back if isinstance(refused, ProofNeeded) else ""
    return refuse(request, refused.status, str(refused), elevate_to=elevate_to)


def htmx_message(request: HttpRequest, status: int, context: dict[str, Any]) -> HttpResponse:
    """`context["message"]` for the page's message area, wherever the request was to swap."""
    response = render(request, "console/_message.html", context, status=status)
    return retarget(reswap(response, "innerHTML"), "#console-messages")


def see_other(page: str) -> HttpResponseRedirect:
    """303: what was posted is done, and `page` is what to look at next."""
    response = HttpResponseRedirect(page)
    response.status_code = 303
    return response


def console_actor(request: HttpRequest) -> Actor:
    """Whoever is signed in, acting through this request."""
    user = request.user
    # The name first: the elevation is known once the user is.
    name = user.get_username()
    elevated = getattr(request, "elevated_until", None) is not None
    session = getattr(request, "operator_session", None)
    return Actor(
        channel=Channel.CONSOLE,
        label=name or "anonymous",
        user=user if user.is_authenticated else None,
        elevated=elevated,
        session_id=session.pk if session else None,
        context={**request_context(request), **({"elevated": True} if elevated else {})},
    )


def request_context(request: HttpRequest) -> dict[str, str]:
    """What the audit log keeps of a request."""
    address = client_address(request) or ""
    return {"request_id": getattr(request, "request_id", ""), "address": address}


def client_address(request: HttpRequest) -> str | None:
    """Where the request came from; None where that is no address.

    Behind Heroku's router that is the right-most X-Forwarded-For: the router appends it, and
    everything to its left is the client's own say.
    """
    forwarded = "" if settings.DEBUG else request.headers.get("X-Forwarded-For", "")
    for text in (forwarded.rpartition(",")[2].strip(), request.META.get("REMOTE_ADDR", "")):
        try:
            # PostgreSQL's inet knows no zone.
            return str(ipaddress.ip_address(text.partition("%")[0]))
        except ValueError:
            continue
    return None


TITLES = {
    400: "Not understood",
    403: "Not allowed",
    404: "Not here",
    405: "Not this way",
    409: "Nothing was changed",
    429: "Not yet",
    503: "Database unavailable",
}
