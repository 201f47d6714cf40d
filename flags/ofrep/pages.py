"""The pages of service tokens, for superadmins: thin, every rule is in `tokens`."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, resolve_url
from django.views.decorators.debug import sensitive_variables

from accounts.http import ConsoleRequest, act_refused, operator_view, render_page, see_other
from accounts.policy import has_fresh_proof
from accounts.refusals import ActRefused, NotPermitted, ProofNeeded
from flags import policy
from flags.models.service_tokens import MAX_APP_LENGTH, MAX_NAME_LENGTH
from flags.ofrep.tokens import create, revoke, shown

PAGE = "admin:service_tokens"
MOST_SHOWN = 200


@operator_view(methods=("GET", "POST"), permission=policy.MANAGE_TOKENS, page=PAGE)
def service_tokens(request: ConsoleRequest) -> HttpResponse:
    """GET /console/service-tokens: the tokens, and the form for another one, which is posted here
    with `name`, `env` and `app`. The answer shows the secret, once."""
    return _make(request) if request.method == "POST" else _list(request)


@operator_view(methods=("GET", "POST"), permission=policy.MANAGE_TOKENS, page=PAGE)
def revoke_service_token(request: ConsoleRequest, pk: int) -> HttpResponse:
    """GET /console/service-tokens/<pk>/revoke asks whether, POST revokes."""
    token = get_object_or_404(shown(), pk=pk)
    if request.method != "POST":
        context = {
            "title": f"Revoke {token.name}?",
            "token": token,
            "is_elevated": has_fresh_proof(request.actor),
        }
        return render_page(request, "flags/revoke_service_token.html", context)
    try:
        revoked = revoke(token, actor=request.actor)
    except ActRefused as refused:
        return act_refused(request, refused, request.path)
    if revoked:
        messages.success(request, f"{token.name} of {token.env} is revoked.")
    else:
        messages.info(request, f"{token.name} of {token.env} is revoked already.")
    return see_other(resolve_url(PAGE))


@sensitive_variables("secret", "context")
def _make(request: ConsoleRequest) -> HttpResponse:
    told = {name: request.POST.get(name, "") for name in ("name", "env", "app")}
    try:
        token, secret = create(told["name"], told["env"], told["app"], actor=request.actor)
    except (NotPermitted, ProofNeeded) as refused:
        return act_refused(request, refused, resolve_url(PAGE))
    except ActRefused as refused:
        return _list(request, status=refused.status, told=told, error=str(refused))
    context = {"title": f"{token.name} is made", "token": token, "secret": secret}
    return render_page(request, "flags/service_token_made.html", context)


def _list(request: ConsoleRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    """The list; where a form was refused, with what was typed and why."""
    tokens = list(shown()[: MOST_SHOWN + 1])
    context = {
        "title": "Service tokens",
        "tokens": tokens[:MOST_SHOWN],
        "most": MOST_SHOWN if len(tokens) > MOST_SHOWN else 0,
        "environments": settings.CONSOLE_ENVIRONMENTS,
        "longest": {"name": MAX_NAME_LENGTH, "app": MAX_APP_LENGTH},
        "is_elevated": has_fresh_proof(request.actor),
        **more,
    }
    return render_page(request, "flags/service_tokens.html", context, status)
