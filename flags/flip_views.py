"""One flip on the page: made, refused, or offered again after a proof. Rules: `services`."""

from dataclasses import replace

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django_htmx.http import trigger_client_event

from accounts.http import ConsoleRequest, refuse, render_page, safe_next, see_other
from flags import policy
from flags.errors import UndeclaredFlag
from flags.layers import word
from flags.refusals import ElevationRequired, FlipRefused, StateMoved, not_active
from flags.rows import Row, row_of
from flags.services import Flip, Outcome, check_environment, flip, is_seen_token
from flags.state import FlagState, read_state
from flags.views import PAGE, flag_view, row_on_page

_VALUES = {"on": True, "off": False}


@flag_view("POST", page=PAGE)
def flip_flag(request: ConsoleRequest, key: str) -> HttpResponse:
    """POST /console/flags/<key>/flip with `to`, `env` and `seen` as drawn (runbook section 2).

    Refusals in the contract's order; those of the decorators and 404 came before.
    """
    try:
        declaration = read_state(key, request.active_env).declaration
    except UndeclaredFlag as error:
        return refuse(request, 404, str(error))
    wanted = {name: request.POST.get(name, "") for name in ("to", "env", "seen")}
    if not _is_flip(wanted):
        return _not_understood(request)
    env = wanted["env"]
    try:
        policy.check_role(request.actor, declaration.risk)
        if env != request.active_env:
            raise not_active(env, request.active_env)
        value = _VALUES[wanted["to"]]
        done = flip(key, env, value, actor=request.actor, seen=wanted["seen"])
    except FlipRefused as refused:
        return _refused(request, key, wanted, refused)
    return _done(request, done)


@flag_view("GET")
def offer_flip(request: ConsoleRequest, key: str) -> HttpResponse:
    """GET /console/flags/<key>/offer: a flip that was refused for want of a proof, offered again.

    `to`, `env` and `seen` are those of the refused one; what was seen must still be so. Nothing is
    flipped here: the operator clicks once more.
    """
    try:
        state = read_state(key, request.active_env)
    except UndeclaredFlag as error:
        return refuse(request, 404, str(error))
    wanted = {name: request.GET.get(name, "") for name in ("to", "env", "seen")}
    if not _is_flip(wanted):
        return _not_understood(request)
    context = {
        "title": f"Turn {wanted['to']} {key} in {wanted['env']}?",
        "row": row_of(state, request.actor),
        "wanted": wanted,
        "refusal": _refusal_of_offer(request, state, wanted["env"]),
        "already": state.is_set_to(_VALUES[wanted["to"]]),
        "moved": state.seen != wanted["seen"],
        "next": _flags_page(request, request.GET),
    }
    if request.htmx:
        return render(request, "flags/_offer.html", context | {"in_dialog": True})
    return render_page(request, "flags/offer.html", context)


def _refusal_of_offer(request: ConsoleRequest, state: FlagState, env: str) -> str:
    """Why the flip would be refused again, proof or no proof."""
    try:
        policy.check_role(request.actor, state.declaration.risk)
        if env != request.active_env:
            raise not_active(env, request.active_env)
        check_environment(state.environment)
    except FlipRefused as refused:
        return str(refused)
    return ""


def _is_flip(wanted: dict[str, str]) -> bool:
    is_known = wanted["to"] in _VALUES and wanted["env"] in settings.ENVIRONMENTS
    return is_known and is_seen_token(wanted["seen"])


def _not_understood(request: ConsoleRequest) -> HttpResponse:
    return refuse(
        request, 400, "A flip needs 'to' (on or off), 'env' and 'seen'. Nothing was changed."
    )


def _done(request: ConsoleRequest, done: Flip) -> HttpResponse:
    # Of the very state that the notice tells of: a later look could find another's flip.
    row = row_of(done.state, request.actor)
    now = word(done.state.value)
    if done.outcome is Outcome.ALREADY:
        notice = f"already {now}" + (f" ({row.last_change})" if row.last_change else "")
    elif done.outcome is Outcome.PINNED:
        notice = f"pinned {now}: the value comes from the database now"
    else:
        notice = f"turned {now}"
    if request.htmx:
        return render(request, "flags/_flag_row.html", {"row": replace(row, notice=notice)})
    messages.success(request, f"{done.state.key} in {done.state.env}: {notice}.")
    return see_other(f"{_flags_page(request, request.POST)}#flag-{done.state.key}")


def _refused(
    request: ConsoleRequest, key: str, wanted: dict[str, str], refused: FlipRefused
) -> HttpResponse:
    """The refusal with the fresh row: in the row for HTMX, else as a page."""
    row = _fresh_row(request, key, wanted["env"], refused)
    lacks_proof = isinstance(refused, ElevationRequired)
    again = _offer_address(request, key, wanted) if lacks_proof else ""
    if not request.htmx or not row:
        return refuse(request, refused.status, str(refused), row=row, elevate_to=again)
    row = replace(row, notice=str(refused), refused=True, elevate_to=again)
    context = {"row": row, "drop_to": _flags_page(request, request.POST)}
    response = render(request, "flags/_refused_row.html", context, status=refused.status)
    if lacks_proof:
        # The page opens the dialog, over the row that says why.
        address = f"{reverse('admin:elevate')}?{urlencode({'next': again})}"
        trigger_client_event(response, "console:elevate", {"address": address}, after="settle")
    return response


def _offer_address(request: ConsoleRequest, key: str, wanted: dict[str, str]) -> str:
    """Where the same flip is offered again, once there is a proof."""
    query = wanted | {"next": _flags_page(request, request.POST)}
    return f"{reverse('admin:offer_flip', args=[key])}?{urlencode(query)}"


def _fresh_row(request: ConsoleRequest, key: str, env: str, refused: FlipRefused) -> Row | None:
    """The flag as it is now in the environment that the page shows, if this console shows it."""
    if isinstance(refused, StateMoved):
        return row_of(refused.state, request.actor)
    return row_on_page(request, key, env)


def _flags_page(request: ConsoleRequest, fields: QueryDict) -> str:
    """`next`: the page that the flip was made on (filters, paging), if it is one of ours."""
    asked = fields.get("next", "")
    return safe_next(request, asked if asked.startswith(reverse(PAGE)) else "", PAGE)
