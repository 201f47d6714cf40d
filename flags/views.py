"""The flag pages: thin, every rule is in `policy`, `services` and `state`."""

import functools
from collections.abc import Callable
from dataclasses import replace

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django_htmx.http import trigger_client_event

from accounts.http import (
    ConsoleRequest,
    View,
    operator_view,
    refuse,
    render_page,
    safe_next,
    see_other,
)
from audit.sentences import sentence_html
from flags import break_glass, config_vars, policy
from flags.errors import UndeclaredFlag
from flags.gate import closed_gate
from flags.heroku.deprecation import lines
from flags.heroku.table import unseen_apps
from flags.history import flip_history
from flags.layers import word
from flags.models import DeclaredFlag
from flags.reconcile import LIMITS
from flags.refusals import ElevationRequired, FlipRefused, StateMoved, not_active
from flags.rows import Row, row_of
from flags.services import Flip, Outcome, check_environment, flip, is_seen_token
from flags.slots import companion
from flags.state import FlagState, read_state
from flags.timeline import read_timeline

PAGE = "admin:flags_declaredflag_changelist"
_VALUES = {"on": True, "off": False}


def flag_view(*methods: str, page: str | None = None) -> Callable[[View], View]:
    """A page of the flags room: for operators who may see flags, while the gate is open."""

    def decorate(view: View) -> View:
        @operator_view(methods=methods, permission=policy.VIEW, page=page)
        @functools.wraps(view)
        def inner(request: ConsoleRequest, *args: str, **kwargs: str) -> HttpResponse:
            gate = closed_gate()
            if gate is not None:
                return refuse(request, 404, gate.reason, command=gate.command)
            return view(request, *args, **kwargs)

        return inner

    return decorate


@flag_view("GET", "POST", page=PAGE)
def flag_list(request: ConsoleRequest) -> HttpResponse:
    """GET /console/flags: the changelist; POST: its admin actions."""
    return admin.site.get_model_admin(DeclaredFlag).changelist_view(request)


@flag_view("GET")
def flag_page(request: ConsoleRequest, key: str) -> HttpResponse:
    """GET /console/flags/<key>: each layer's answer, why the winner won, and the history."""
    try:
        state = read_state(key, request.active_env)
    except UndeclaredFlag as error:
        return refuse(request, 404, str(error))
    told, now = state.environment.told, timezone.now()
    context = {
        "title": key,
        "state": state,
        "told_var": told.found.get(key) if told else None,
        "var_lines": lines(now, key=key),
        "unseen_apps": unseen_apps(),
        "row": row_of(state, request.actor),
        "config_var": config_vars.name_of(key),
        "config_var_is_ignored": state.environment.ignores_config_var(key),
        "limits": LIMITS,
        "part": companion().section(state, request.actor),
        "timeline": read_timeline(key, now),
        "history": [(entry, sentence_html(entry)) for entry in flip_history(key)],
    }
    return render_page(request, "flags/flag.html", context)


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
        check_environment(env)
    except FlipRefused as refused:
        return str(refused)
    return ""


@operator_view(methods=("POST",), permission=policy.ACKNOWLEDGE, page=PAGE)
def acknowledge_break_glass(request: ConsoleRequest, pk: int) -> HttpResponse:
    """POST /console/break-glass/<pk>/acknowledge: take its warning off the flags page."""
    entry = break_glass.acknowledge(pk, actor=request.actor)
    if entry is None:
        messages.info(request, "Somebody acknowledged it already.")
    else:
        messages.success(request, f"Acknowledged: {entry.flag_key} in {entry.env}.")
    return see_other(reverse(PAGE))


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


def row_on_page(request: ConsoleRequest, key: str, env: str) -> Row | None:
    """The flag's row in the environment `env` that a page was drawn for, if this console shows it,
    else in the active one. None where that one does not declare the flag."""
    shown = env if env in settings.CONSOLE_ENVIRONMENTS else request.active_env
    try:
        return row_of(read_state(key, shown), request.actor)
    except UndeclaredFlag:
        return None


def _flags_page(request: ConsoleRequest, fields: QueryDict) -> str:
    """`next`: the page that the flip was made on (filters, paging), if it is one of ours."""
    asked = fields.get("next", "")
    return safe_next(request, asked if asked.startswith(reverse(PAGE)) else "", PAGE)
