"""The flags page as a stock changelist: its query, its rows, its filters."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import (
    Case,
    CharField,
    Exists,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.http import ConsoleRequest
from flags import cleanup
from flags.cleanup import MAX_DAYS
from flags.cleanup_seen import look
from flags.cleanup_steps import Entry, Reason
from flags.declarations import Risk
from flags.layers import Source
from flags.models import DeclaredFlag, FeatureFlag
from flags.rows import build_rows
from flags.state import Environment, environment, read_states

CLEAN_UP_DAYS = (30, 90, 180)
_DAYS = re.compile(r"[1-9][0-9]{0,4}")
_RISKS = list(Risk)
# The databases disagree on whether NULL comes first or last.
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


def listed_flags(name: str) -> QuerySet[DeclaredFlag]:
    """The declared flags of environment `name`, with `on`, `source`, `risk_rank` and `changed_at`.

    The annotations serve filters and sorting, with the layers' rule as SQL; what a row shows comes
    from `flags.state`. For the deployment's own environment the YAML decides which flags there are
    and what their defaults are, even before `sync_flags` ran.
    """
    where = environment(name, ())
    flags = DeclaredFlag.objects.filter(env=name)
    if where.is_own:
        flags = flags.filter(flag_key__in=list(where.declarations))
    row = FeatureFlag.objects.filter(flag_key=OuterRef("flag_key"), env=name)
    layers = _env_and_yaml(where)
    if where.db_layer:
        from_db = [When(Exists(row), then=Value(Source.DB.value))]
        on: Any = Coalesce(Subquery(row.values("value")[:1]), layers)
    else:
        from_db, on = [], layers
    return flags.annotate(
        on=on,
        source=Case(
            *from_db,
            When(flag_key__in=list(where.config_vars or ()), then=Value(Source.ENV.value)),
            default=Value(Source.YAML.value),
            output_field=CharField(),
        ),
        risk_rank=Case(
            *(When(risk=risk, then=Value(rank)) for rank, risk in enumerate(_RISKS)),
            output_field=IntegerField(),
        ),
        changed_at=Coalesce(Subquery(row.values("updated_at")[:1]), Value(_NEVER)),
    )


def _env_and_yaml(where: Environment) -> Case:
    """1 or 0: what the layers below the DB rows answer."""
    said = where.config_vars or {}
    default: Any = Case(When(default_value=True, then=Value(1)), default=Value(0))
    if where.is_own:
        on_in_yaml = [key for key, flag in where.declarations.items() if flag.default]
        default = Case(When(flag_key__in=on_in_yaml, then=Value(1)), default=Value(0))
    return Case(
        When(flag_key__in=[key for key, on in said.items() if on], then=Value(1)),
        When(flag_key__in=[key for key, on in said.items() if not on], then=Value(0)),
        default=default,
        output_field=IntegerField(),
    )


class FlagChangeList(ChangeList):
    """Adds to a page of results `rows`, what its rows show, and `is_of_orphans`, whether rows
    without a declaration, which are no results, were asked for instead."""

    def get_results(self, request: ConsoleRequest) -> None:  # type: ignore[override]
        super().get_results(request)
        pks = {flag.flag_key: flag.pk for flag in self.result_list}
        states = read_states(request.active_env, list(pks))
        self.rows = build_rows(states.values(), pks, request.actor)
        self.clean_up = next(
            (each.found for each in self.filter_specs if isinstance(each, CleanUpFilter)), []
        )
        self.is_of_orphans = self.params.get(CleanUpFilter.parameter_name) == Reason.UNDECLARED
        if self.is_of_orphans:
            # Of none it would say that it found none.
            self.full_result_count = self.result_count
        advice = {entry.flag: entry for entry in self.clean_up if entry.flag}
        self.rows = [replace(row, advice=advice.get(row.state.key)) for row in self.rows]


class RiskFilter(admin.SimpleListFilter):
    title = "risk"
    parameter_name = "risk"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(risk.value, risk.value) for risk in Risk]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(risk=_known(self)) if self.value() else queryset


class ValueFilter(admin.SimpleListFilter):
    title = "value"
    parameter_name = "value"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("on", "on"), ("off", "off")]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(on=int(_known(self) == "on")) if self.value() else queryset


class SourceFilter(admin.SimpleListFilter):
    title = "source"
    parameter_name = "source"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(source.value, source.value) for source in Source]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(source=_known(self)) if self.value() else queryset


class CleanUpFilter(admin.SimpleListFilter):
    """Flags that may go, or whose row may. `found` is the list that the page shows beside them."""

    title = "clean-up"
    parameter_name = "cleanup"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.found: list[Entry] = []

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        asked = request.GET.get(self.parameter_name, "")
        # As the command: any number of days, in the address.
        days_asked = {int(asked)} if _DAYS.fullmatch(asked) and int(asked) <= MAX_DAYS else set()
        ages = [
            (str(days), f"one value, {days} days unchanged")
            for days in sorted({*CLEAN_UP_DAYS, *days_asked})
        ]
        return [
            *ages,
            (Reason.DEFAULT.value, "row equal to its default"),
            (Reason.UNDECLARED.value, "row without a declaration"),
        ]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        asked = _known(self)
        if asked == Reason.UNDECLARED:
            # Their own table stands below the list.
            return queryset.none()
        seen = look(request.active_env, timezone.now())
        is_row = asked == Reason.DEFAULT
        found = cleanup.equal_to_default(seen) if is_row else cleanup.settled(seen, int(asked))
        self.found = [*found, *cleanup.unseen(seen)]
        return queryset.filter(flag_key__in=[entry.flag for entry in found])


def _known(chosen: admin.SimpleListFilter) -> str:
    """The filter's value, if it is one of its choices; else the changelist starts anew."""
    value = chosen.value() or ""
    if value not in [choice for choice, _ in chosen.lookup_choices]:
        raise IncorrectLookupParameters
    return value
