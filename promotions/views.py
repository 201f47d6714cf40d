"""The promotions' pages and their steps: thin, every rule is in `policy` and `services`."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import admin
from django.http import HttpResponse

from accounts.http import ConsoleRequest, refuse
from flags.errors import UndeclaredFlag
from flags.refusals import FlipRefused, not_active
from flags.services import is_seen_token
from flags.state import read_state
from flags.views import flag_view
from promotions import answers, policy, services
from promotions.marking import mark
from promotions.models import Promotion
from promotions.policy import Verb
from promotions.refusals import PromotionRefused
from promotions.standing import PROD, STAGING

PAGE = "admin:promotions_promotion_changelist"
FLAGS_PAGE = "admin:flags_declaredflag_changelist"


@flag_view("GET", "POST", page=PAGE)
def queue(request: ConsoleRequest) -> HttpResponse:
    """GET /console/promotions: the changelist; POST: its admin action."""
    return admin.site.get_model_admin(Promotion).changelist_view(request)


@flag_view("GET")
def promotion_page(request: ConsoleRequest, pk: int) -> HttpResponse:
    """GET /console/promotions/<id>: where it stands, its whole story, its steps."""
    return answers.page(request, pk, typed=answers.what_was_typed(request, pk))


@flag_view("POST", page=FLAGS_PAGE)
def mark_promote(request: ConsoleRequest, key: str) -> HttpResponse:
    """POST /console/flags/<key>/mark-promote with `env`, and `seen` as drawn where it is known.

    Refusals in the contract's order; those of the decorators came before (runbook section 3).
    """
    try:
        read_state(key, request.active_env)
    except UndeclaredFlag as error:
        return refuse(request, 404, str(error))
    env, seen = (request.POST.get(name, "") for name in ("env", "seen"))
    if env not in settings.ENVIRONMENTS or (seen and not is_seen_token(seen)):
        return refuse(
            request, 400, "To mark a flag needs 'env', and 'seen' as drawn. Nothing was marked."
        )
    try:
        policy.check_role(request.actor, Verb.MARK)
        if env != request.active_env:
            raise not_active(env, request.active_env)
        if env != STAGING:
            raise PromotionRefused(
                f"What {STAGING} has is marked for {PROD}: switch to {STAGING} first. "
                "Nothing was marked."
            )
        promotion = mark(key, actor=request.actor, seen=seen)
    except UndeclaredFlag as error:
        return refuse(request, 409, f"{error} Nothing was marked.")
    except FlipRefused as refused:
        return answers.mark_refused(request, key, env, refused)
    return answers.done(request, promotion)


@flag_view("POST", page=PAGE)
def approve(request: ConsoleRequest, pk: int) -> HttpResponse:
    """POST /console/promotions/<id>/approve (runbook section 3)."""
    return _step(request, pk, lambda: services.approve(pk, actor=request.actor))


@flag_view("POST", page=PAGE)
def promote(request: ConsoleRequest, pk: int) -> HttpResponse:
    """POST /console/promotions/<id>/promote, for high risk with the phrase in `confirm`.

    `env` and `seen`, of prod as drawn, are heeded where they are given.
    """
    env, seen, confirm = (request.POST.get(name, "") for name in ("env", "seen", "confirm"))
    if (env and env not in settings.ENVIRONMENTS) or (seen and not is_seen_token(seen)):
        return refuse(request, 400, "'env' or 'seen' was not understood. Nothing was promoted.")

    def act() -> Promotion:
        policy.check_role(request.actor, Verb.PROMOTE)
        if env and env != request.active_env:
            raise not_active(env, request.active_env)
        if env and env != PROD:
            raise PromotionRefused(f"Switch to {PROD} first. Nothing was promoted.")
        return services.promote(pk, actor=request.actor, confirm=confirm, seen=seen)

    return _step(request, pk, act)


@flag_view("POST", page=PAGE)
def reject(request: ConsoleRequest, pk: int) -> HttpResponse:
    """POST /console/promotions/<id>/reject with `reason`."""
    reason = request.POST.get("reason", "")
    return _step(request, pk, lambda: services.reject(pk, actor=request.actor, reason=reason))


def _step(request: ConsoleRequest, pk: int, act: Callable[[], Promotion]) -> HttpResponse:
    if not Promotion.objects.filter(pk=pk).exists():
        return answers.no_such(request, pk)
    try:
        promotion = act()
    except FlipRefused as refused:
        return answers.refused(request, pk, refused)
    return answers.done(request, promotion)
