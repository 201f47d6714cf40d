"""Other people's accounts, for superadmins: /console/users and /console/users/<name>."""

from collections.abc import Callable

from django.contrib import admin, messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, resolve_url

from accounts import policy, services
from accounts.http import ConsoleRequest, act_refused, operator_view, refuse, render_page, see_other
from accounts.models import OperatorSession, User
from accounts.proofs import confirmed_devices
from accounts.refusals import ActRefused
from accounts.roles import Role
from audit.models import AuditEntry
from audit.sentences import sentence

VIEW = "accounts.view_user"
LIST = "admin:accounts_user_changelist"
HISTORY_LENGTH = 20


@operator_view(methods=("GET",), permission=VIEW)
def operator_list(request: ConsoleRequest) -> HttpResponse:
    """GET /console/users: the changelist."""
    return admin.site.get_model_admin(User).changelist_view(request)


@operator_view(methods=("GET",), permission=VIEW)
def operator_page(request: ConsoleRequest, name: str) -> HttpResponse:
    """GET /console/users/<name>: the account, what may be done with it, and its history."""
    operator = _operator(name)
    about = AuditEntry.objects.filter(target_type="operator", target_id=name)
    newest = about.order_by("-created_at", "-id")[:HISTORY_LENGTH]
    context = {
        "title": operator.get_username(),
        "operator": operator,
        "roles": operator.roles,
        "choices": [role.value for role in Role],
        "devices": confirmed_devices(operator),
        "sessions": OperatorSession.objects.filter(user=operator).count(),
        "is_self": operator == request.user,
        "may_manage": policy.may_manage(request.actor),
        "is_elevated": policy.has_fresh_proof(request.actor),
        "history": [(entry, sentence(entry)) for entry in newest],
    }
    return render_page(request, "accounts/operator.html", context)


@operator_view(methods=("POST",), permission=policy.MANAGE, page=LIST)
def change_role(request: ConsoleRequest, name: str) -> HttpResponse:
    """POST /console/users/<name>/role: the field `role` names the one role from now on."""
    asked = request.POST.get("role", "")
    if asked not in list(Role):
        return refuse(request, 400, "Choose one of the roles. Nothing was changed.")
    role = Role(asked)

    def act(operator: User) -> str:
        changed = services.change_role(operator, role, actor=request.actor)
        return f"{name} is {role} now." if changed else f"{name} is {role} already."

    return _done(request, name, act)


@operator_view(methods=("POST",), permission=policy.MANAGE, page=LIST)
def activate(request: ConsoleRequest, name: str) -> HttpResponse:
    """POST /console/users/<name>/activate."""
    return _set_active(request, name, True)


@operator_view(methods=("POST",), permission=policy.MANAGE, page=LIST)
def deactivate(request: ConsoleRequest, name: str) -> HttpResponse:
    """POST /console/users/<name>/deactivate: their sessions end with it."""
    return _set_active(request, name, False)


@operator_view(methods=("POST",), permission=policy.MANAGE, page=LIST)
def end_sessions(request: ConsoleRequest, name: str) -> HttpResponse:
    """POST /console/users/<name>/end-sessions."""

    def act(operator: User) -> str:
        services.end_sessions(operator, actor=request.actor)
        return f"{name} is signed out everywhere."

    return _done(request, name, act)


def _set_active(request: ConsoleRequest, name: str, active: bool) -> HttpResponse:
    def act(operator: User) -> str:
        changed = services.set_active(operator, active, actor=request.actor)
        word = "active" if active else "deactivated"
        return f"{name} is {word} now." if changed else f"{name} is {word} already."

    return _done(request, name, act)


def _done(request: ConsoleRequest, name: str, act: Callable[[User], str]) -> HttpResponse:
    page = resolve_url("admin:operator", name)
    try:
        said = act(_operator(name))
    except ActRefused as refused:
        return act_refused(request, refused, page)
    messages.success(request, said)
    return see_other(page)


def _operator(name: str) -> User:
    if "\0" in name:
        # PostgreSQL takes none, and no name has one.
        raise Http404
    return get_object_or_404(User, username=name)
