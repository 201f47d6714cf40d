import re
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse

from accounts.http import ConsoleRequest, refuse
from audit.failures import takes_no_changes
from audit.read_only import ReadOnlyAdmin
from flags import break_glass, bulk
from flags.cleanup import orphans_with_steps
from flags.declarations import Risk
from flags.layers import word
from flags.listing import (
    CleanUpFilter,
    FlagChangeList,
    RiskFilter,
    SourceFilter,
    ValueFilter,
    listed_flags,
)
from flags.models import DeclaredFlag
from flags.refusals import not_active
from flags.state import environment, read_states
from flags.sync import plan_sync

# One row more would not tell the operator more.
SHOWN_REFUSALS = 10
_PK = re.compile(r"[0-9]{1,18}")


@admin.register(DeclaredFlag)
class DeclaredFlagAdmin(ReadOnlyAdmin):
    """The flags page. `_flag_row.html` draws the rows; the columns give headers and sorting."""

    list_display: tuple[str, ...] = (
        "flag",
        "value",
        "source",
        "risk_level",
        "last_change",
        "shadows",
    )
    list_display_links = None
    list_filter = (RiskFilter, ValueFilter, SourceFilter, CleanUpFilter)
    search_fields = ("flag_key", "description")
    ordering = ("flag_key",)
    list_per_page = 100
    list_max_show_all = 100
    actions: tuple[str, ...] = ("flip_on", "flip_off")
    actions_selection_counter = True

    def has_flip_permission(self, request: ConsoleRequest) -> bool:
        return any(request.user.has_perm(f"flags.flip_{risk}") for risk in Risk)

    def get_changelist(self, request: Any, **kwargs: Any) -> type[FlagChangeList]:
        return FlagChangeList

    def get_queryset(self, request: ConsoleRequest) -> QuerySet[DeclaredFlag]:  # type: ignore[override]
        return listed_flags(request.active_env)

    def changelist_view(  # type: ignore[override]
        self, request: ConsoleRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "POST":
            refusal = self._refuse_stale_or_malformed(request)
            if refusal is not None:
                return refusal
        context = {"title": "Feature flags", "is_popup": False, **(extra_context or {})}
        response = super().changelist_view(request, context)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            # A list is drawn: not so for an action's confirmation or redirect.
            response.context_data |= self._around_the_list(request.active_env)
        return response

    def _around_the_list(self, env: str) -> dict[str, Any]:
        where = environment(env)
        return {
            "environment": where,
            "orphans": orphans_with_steps(env, where.declarations),
            "break_glass": list(break_glass.waiting()),
            "read_only": takes_no_changes(connection),
            "out_of_step": where.is_own and plan_sync(where.declarations, env),
        }

    def _refuse_stale_or_malformed(self, request: ConsoleRequest) -> HttpResponse | None:
        refusal = refuse_selection(request)
        if refusal is not None:
            return refusal
        drawn = request.POST.get("env", request.active_env)
        if drawn != request.active_env:
            return refuse(request, 409, str(not_active(drawn, request.active_env)))
        return None

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Look-ups from the address: those of the filters, and no regular expressions."""
        return lookup in {choice.parameter_name for choice in self.list_filter}

    @admin.display(ordering="flag_key")
    def flag(self, flag: DeclaredFlag) -> str:
        return flag.flag_key

    @admin.display(ordering="on")
    def value(self, flag: Any) -> bool:
        return bool(flag.on)

    @admin.display(ordering="source")
    def source(self, flag: Any) -> Any:
        return flag.source

    @admin.display(description="risk", ordering="risk_rank")
    def risk_level(self, flag: DeclaredFlag) -> str:
        return flag.risk

    @admin.display(description="last changed", ordering="changed_at")
    def last_change(self, flag: Any) -> Any:
        return flag.changed_at

    @admin.display(description="shadowed")
    def shadows(self, flag: DeclaredFlag) -> bool:
        return flag.default_value

    @admin.action(description="Flip on", permissions=["flip"])
    def flip_on(self, request: ConsoleRequest, flags: QuerySet[DeclaredFlag]) -> Any:
        return self._flip_many(request, flags, value=True)

    @admin.action(description="Flip off", permissions=["flip"])
    def flip_off(self, request: ConsoleRequest, flags: QuerySet[DeclaredFlag]) -> Any:
        return self._flip_many(request, flags, value=False)

    def _flip_many(
        self, request: ConsoleRequest, flags: QuerySet[DeclaredFlag], *, value: bool
    ) -> HttpResponse | None:
        """The confirmation page; once its plan comes back, the flips themselves."""
        if "plan" in request.POST:
            return self._apply(request, value=value)
        keys = flags.order_by("flag_key").values_list("flag_key", flat=True)
        states = read_states(request.active_env, list(keys))
        planned = bulk.plan(states.values(), value, request.actor)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Flip {word(value)} in {request.active_env}?",
            "action": request.POST["action"],
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME)[0],
            "changes": [flip for flip in planned if flip.changes],
            "already": [flip for flip in planned if flip.already and not flip.refusal],
            "refused": [flip for flip in planned if flip.refusal],
            "lack_proof": any(flip.lacks_proof for flip in planned),
            "plan": bulk.pack(request.active_env, value, planned),
        }
        return render(request, "flags/confirm_flips.html", context)

    def _apply(self, request: ConsoleRequest, *, value: bool) -> HttpResponse | None:
        try:
            packed = bulk.unpack(request.POST["plan"])
        except ValueError:
            return refuse(request, 400, "The plan was not understood. Nothing was changed.")
        if packed.value is not value:
            return refuse(request, 400, "The plan belongs to another action. Nothing was changed.")
        if packed.env != request.active_env:
            return refuse(request, 409, str(not_active(packed.env, request.active_env)))
        self._tell(request, packed, bulk.apply(packed, request.actor))
        return None

    def _tell(self, request: ConsoleRequest, packed: bulk.Packed, result: bulk.BulkResult) -> None:
        now = word(packed.value)
        if result.done:
            messages.success(request, f"{_count(result.done)} {now} in {packed.env} now.")
        if result.already:
            messages.info(request, f"{_count(result.already)} {now} already.")
        tell_refusals(request, result)


def refuse_selection(request: HttpRequest) -> HttpResponse | None:
    """The refusal of a selection that no page of ours sends, if it is one."""
    selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
    if all(_PK.fullmatch(pk) for pk in selected):
        return None
    return refuse(request, 400, "The selection was not understood. Nothing was changed.")


def tell_refusals(request: HttpRequest, result: bulk.BulkResult) -> None:
    """Say of each refused flag why, as far as that helps."""
    for key, reason in result.refused[:SHOWN_REFUSALS]:
        messages.error(request, f"{key}: {reason}")
    if len(result.refused) > SHOWN_REFUSALS:
        more = len(result.refused) - SHOWN_REFUSALS
        messages.error(request, f"{more} more flags were refused.")


def _count(keys: list[str]) -> str:
    return "1 flag is" if len(keys) == 1 else f"{len(keys)} flags are"
