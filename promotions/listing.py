"""The queue as a stock changelist: its order, its rows, its filter."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.utils import timezone

from accounts.http import ConsoleRequest
from promotions.models import OPEN, State
from promotions.showing import show

OPEN_FIRST = Case(
    When(state__in=OPEN, then=Value(0)), default=Value(1), output_field=IntegerField()
)


class Queue(ChangeList):
    """Adds `shown`, what the page's rows show, to a page of results."""

    def get_results(self, request: ConsoleRequest) -> None:  # type: ignore[override]
        super().get_results(request)
        self.shown = show(list(self.result_list), request.actor, timezone.now())


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "open"), *State.choices]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        if self.value() not in ("open", *State.values):
            raise IncorrectLookupParameters
        # As the rows show it: one whose time is over is expired, noted or not.
        is_over = Q(state__in=OPEN, expires_at__lte=timezone.now())
        if self.value() == State.EXPIRED:
            return queryset.filter(Q(state=State.EXPIRED) | is_over)
        states = OPEN if self.value() == "open" else (self.value(),)
        return queryset.filter(~is_over, state__in=states)
