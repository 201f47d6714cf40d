"""The flag pages: thin, every rule is in `policy`, `services` and `state`."""

import functools
from collections.abc import Callable

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from accounts.http import (
    ConsoleRequest,
    View,
    operator_view,
    refuse,
    render_page,
    see_other,
)
from audit.sentences import sentence_html
from flags import break_glass, config_vars, policy
from flags.errors import UndeclaredFlag
from flags.gate import closed_gate
from flags.heroku.table import read_table_of
from flags.history import flip_history
from flags.models import DeclaredFlag
from flags.reconcile import LIMITS
from flags.rows import Row, row_of
from flags.slots import companion
from flags.state import read_state
from flags.timeline import read_timeline

PAGE = "admin:flags_declaredflag_changelist"


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
        "config_vars": read_table_of(key, now),
        "row": row_of(state, request.actor),
        "config_var": config_vars.name_of(key),
        "config_var_is_ignored": state.environment.ignores_config_var(key),
        "limits": LIMITS,
        "part": companion().section(state, request.actor),
        "timeline": read_timeline(key, now),
        "history": [(entry, sentence_html(entry)) for entry in flip_history(key)],
    }
    return render_page(request, "flags/flag.html", context)


@operator_view(methods=("POST",), permission=policy.ACKNOWLEDGE, page=PAGE)
def acknowledge_break_glass(request: ConsoleRequest, pk: int) -> HttpResponse:
    """POST /console/break-glass/<pk>/acknowledge: take its warning off the flags page."""
    entry = break_glass.acknowledge(pk, actor=request.actor)
    if entry is None:
        messages.info(request, "Somebody acknowledged it already.")
    else:
        messages.success(request, f"Acknowledged: {entry.flag_key} in {entry.env}.")
    return see_other(reverse(PAGE))


def row_on_page(request: ConsoleRequest, key: str, env: str) -> Row | None:
    """The flag's row in the environment `env` that a page was drawn for, if this console shows it,
    else in the active one. None where that one does not declare the flag."""
    shown = env if env in settings.CONSOLE_ENVIRONMENTS else request.active_env
    try:
        return row_of(read_state(key, shown), request.actor)
    except UndeclaredFlag:
        return None
