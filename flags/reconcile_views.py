"""POST of the form on a flag's page that reconciles a change from outside the console."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse

from accounts.http import ConsoleRequest, refuse, see_other
from flags import policy
from flags.errors import UndeclaredFlag
from flags.layers import word
from flags.reconcile import Reconciled, is_seen_token, reconcile, told_why
from flags.refusals import FlipRefused, StateMoved, not_active
from flags.rows import row_of
from flags.state import read_state
from flags.views import PAGE, flag_view


@flag_view("POST", page=PAGE)
def reconcile_flag(request: ConsoleRequest, key: str) -> HttpResponse:
    """POST /console/flags/<key>/reconcile with `env`, `seen`, `incident` and `reason`.

    Refusals in the contract's order; those of the decorators came before. A page that was drawn
    for another environment is refused after the role, as a flip's is.
    """
    try:
        declaration = read_state(key, request.active_env).declaration
    except UndeclaredFlag as error:
        return refuse(request, 404, str(error))
    env, seen = (request.POST.get(name, "") for name in ("env", "seen"))
    incident, reason = (request.POST.get(name, "") for name in ("incident", "reason"))
    if env not in settings.ENVIRONMENTS or not is_seen_token(seen):
        return refuse(
            request, 400, "To reconcile needs 'env', 'seen' and 'incident'. Nothing was changed."
        )
    try:
        told_why(incident, reason)
        policy.check_role(request.actor, declaration.risk)
        if env != request.active_env:
            raise not_active(env, request.active_env)
        done = reconcile(key, env, actor=request.actor, seen=seen, incident=incident, reason=reason)
    except FlipRefused as refused:
        return _refused(request, key, refused)
    return _done(request, done)


def _refused(request: ConsoleRequest, key: str, refused: FlipRefused) -> HttpResponse:
    """The refusal, and the flag as it is now."""
    if isinstance(refused, StateMoved):
        state = refused.state
    else:
        state = read_state(key, request.active_env)
    row = row_of(state, request.actor)
    return refuse(request, refused.status, str(refused), row=row, back_to=_page(key))


def _done(request: ConsoleRequest, done: Reconciled) -> HttpResponse:
    state, change = done.now.state, done.now.change
    where = f"{state.key} in {state.env}"
    if not done.done or change is None:
        last = f" Last change: {change}." if change else ""
        messages.info(request, f"{where}: nothing to reconcile.{last}")
    elif state.row is None:
        messages.success(request, f"{where} has no row. Reconciled: {change.incident}")
    else:
        now = word(bool(state.row.value))
        messages.success(request, f"{where} stays {now}. Reconciled: {change.incident}")
    return see_other(_page(state.key))


def _page(key: str) -> str:
    return reverse("admin:flag", args=[key])
