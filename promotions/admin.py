from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.http import ConsoleRequest, refuse
from audit.read_only import ReadOnlyAdmin
from flags.admin import DeclaredFlagAdmin, refuse_selection, tell_refusals
from flags.bulk import BulkResult
from flags.models import DeclaredFlag
from flags.refusals import FlipRefused
from flags.services import check_db_layer, check_served
from flags.state import read_states
from promotions import bulk, policy
from promotions.listing import OPEN_FIRST, Queue, StateFilter
from promotions.models import Promotion
from promotions.policy import Verb
from promotions.showing import show, with_people
from promotions.standing import PROD, STAGING

_TITLE = {Verb.MARK: "Mark for prod?", Verb.PROMOTE: "Promote to prod?"}
_DONE = {Verb.MARK: "marked for prod", Verb.PROMOTE: "promoted to prod"}


class Confirmed:
    """Steps of promotions as admin actions: a confirmation page first, then its plan."""

    def has_mark_permission(self, request: ConsoleRequest) -> bool:
        return policy.may(request.actor, Verb.MARK)

    def has_promote_permission(self, request: ConsoleRequest) -> bool:
        return policy.may(request.actor, Verb.PROMOTE)

    def confirm(
        self, request: ConsoleRequest, verb: Verb, planned: list[bulk.Planned]
    ) -> HttpResponse:
        """The page that says what each step will do, and why some cannot be taken."""
        context = {
            **admin.site.each_context(request),
            "title": _TITLE[verb],
            "verb": verb,
            "here": request.path,
            "action": request.POST["action"],
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME)[0],
            "steps": [each for each in planned if not each.refusal],
            "refused": [each for each in planned if each.refusal],
            "plan": bulk.pack(verb, planned),
        }
        return render(request, "promotions/confirm.html", context)

    def take(self, request: ConsoleRequest, verb: Verb) -> HttpResponse | None:
        """Do what the confirmed plan says."""
        try:
            packed = bulk.unpack(request.POST["plan"])
        except ValueError:
            return refuse(request, 400, "The plan was not understood. Nothing was changed.")
        if packed.verb is not verb:
            return refuse(request, 400, "The plan belongs to another action. Nothing was changed.")
        self._tell_of_steps(request, verb, bulk.apply(packed, request.actor))
        return None

    def _tell_of_steps(self, request: ConsoleRequest, verb: Verb, result: BulkResult) -> None:
        if result.done:
            number = len(result.done)
            flags = "1 flag" if number == 1 else f"{number} flags"
            messages.success(request, f"{flags} {_DONE[verb]}.")
        tell_refusals(request, result)


class PromotableFlagAdmin(Confirmed, DeclaredFlagAdmin):
    """The flags page with the promotions' column and actions."""

    list_display = (*DeclaredFlagAdmin.list_display, "promotion")
    actions = (*DeclaredFlagAdmin.actions, "mark_active_for_prod", "promote")

    @admin.display(description="promotion to prod")
    def promotion(self, flag: DeclaredFlag) -> str:
        return flag.flag_key

    @admin.action(description="Mark active for prod", permissions=["mark"])
    def mark_active_for_prod(
        self, request: ConsoleRequest, flags: QuerySet[DeclaredFlag]
    ) -> HttpResponse | None:
        refusal = _refuse_environment(request, STAGING)
        if refusal is not None or "plan" in request.POST:
            return refusal or self.take(request, Verb.MARK)
        states = read_states(STAGING, _keys(flags))
        return self.confirm(request, Verb.MARK, bulk.plan_marks(list(states.values())))

    @admin.action(description="Promote to prod", permissions=["promote"])
    def promote(
        self, request: ConsoleRequest, flags: QuerySet[DeclaredFlag]
    ) -> HttpResponse | None:
        refusal = _refuse_environment(request, PROD)
        if refusal is not None or "plan" in request.POST:
            return refusal or self.take(request, Verb.PROMOTE)
        planned = bulk.plan_flags(_keys(flags), request.actor, timezone.now())
        return self.confirm(request, Verb.PROMOTE, planned)


admin.site.unregister(DeclaredFlag)
admin.site.register(DeclaredFlag, PromotableFlagAdmin)


@admin.register(Promotion)
class PromotionAdmin(Confirmed, ReadOnlyAdmin):
    """The queue. `_promotion_row.html` draws the rows; the columns give headers and sorting."""

    list_display = ("flag", "state_now", "soak", "marked", "steps")
    list_display_links = None
    list_filter = (StateFilter,)
    search_fields = ("flag_key",)
    ordering = (OPEN_FIRST, "-id")
    list_per_page = 100
    list_max_show_all = 100
    actions = ("promote",)

    def get_changelist(self, request: Any, **kwargs: Any) -> type[Queue]:
        return Queue

    def get_queryset(self, request: Any) -> QuerySet[Promotion]:
        return with_people()

    def changelist_view(  # type: ignore[override]
        self, request: ConsoleRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        refusal = refuse_selection(request) if request.method == "POST" else None
        if refusal is not None:
            return refusal
        context = {"title": "Promotions", "is_popup": False, **(extra_context or {})}
        return super().changelist_view(request, context)

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        return lookup == StateFilter.parameter_name

    @admin.display(description="flag", ordering="flag_key")
    def flag(self, promotion: Promotion) -> str:
        return promotion.flag_key

    @admin.display(description="state", ordering="state")
    def state_now(self, promotion: Promotion) -> str:
        return promotion.state

    @admin.display(description="soak", ordering="soak_ends_at")
    def soak(self, promotion: Promotion) -> Any:
        return promotion.soak_ends_at

    @admin.display(description="marked by", ordering="marked_at")
    def marked(self, promotion: Promotion) -> Any:
        return promotion.marked_at

    @admin.display(description="next step")
    def steps(self, promotion: Promotion) -> str:
        return promotion.state

    @admin.action(description="Promote to prod", permissions=["promote"])
    def promote(
        self, request: ConsoleRequest, promotions: QuerySet[Promotion]
    ) -> HttpResponse | None:
        if "plan" in request.POST:
            return self.take(request, Verb.PROMOTE)
        chosen = show(list(promotions.order_by("flag_key", "id")), request.actor, timezone.now())
        return self.confirm(request, Verb.PROMOTE, bulk.plan_promotions(chosen))


def _keys(flags: QuerySet[DeclaredFlag]) -> list[str]:
    return list(flags.order_by("flag_key").values_list("flag_key", flat=True))


def _refuse_environment(request: ConsoleRequest, env: str) -> HttpResponse | None:
    """Why nothing of this kind can be done from the page that the operator is on."""
    if request.active_env != env:
        return refuse(request, 409, f"Switch to {env} for this. Nothing was changed.")
    try:
        check_served(env)
        check_db_layer()
    except FlipRefused as refused:
        return refuse(request, refused.status, str(refused))
    return None
