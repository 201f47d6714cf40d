"""The audit log as a stock changelist: page by page, none of which costs more for a long log."""

import re
from functools import cached_property
from typing import Any, cast

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR, ChangeList
from django.core.paginator import Paginator
from django.db import connections
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from audit.activity import Activity, activity
from audit.filters import PARAMETERS, parse_date
from audit.models import AuditEntry
from audit.search import Search, search

# Entries that are counted and paged through; older ones are reached by `before`, not by an OFFSET.
REACH = 1_000
BEFORE = "before"
PAGE_ORDER = ("-created_at", "-id")
_PK = re.compile(r"[0-9]{1,18}")


class BoundedPaginator(Paginator):
    """Counts no further than REACH."""

    @cached_property
    def _counted(self) -> int:
        # Sliced, the query keeps its order, and the database walks the index that the page uses.
        entries = cast(QuerySet[AuditEntry], self.object_list)
        return entries[: REACH + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._counted, REACH)

    @property
    def is_cut(self) -> bool:
        return self._counted > REACH


class AuditChangeList(ChangeList):
    """Adds the search, the `before` that pages of older entries start at, and what is around."""

    before: AuditEntry | None
    found: Search

    def get_queryset(self, request: Any, exclude_parameters: Any = None) -> QuerySet[AuditEntry]:
        self._take_before()
        self.filtered: QuerySet[AuditEntry] = super().get_queryset(request, exclude_parameters)
        self.found = search(self.filtered, self.query)
        return self.found.newest(_older_than(self.filtered, self.before), REACH + 1)

    def _take_before(self) -> None:
        """Out of the parameters, as the page's number is: a filter's link starts at the newest."""
        for name in [name for name, value in self.params.items() if not value.strip()]:
            # A form sends its empty fields, too.
            del self.params[name], self.filter_params[name]
        text = self.params.pop(BEFORE, "")
        self.filter_params.pop(BEFORE, None)
        self.before = None
        if text:
            pk = int(text) if _PK.fullmatch(text) else 0
            self.before = AuditEntry.objects.filter(pk=pk).only("created_at").first()
            if self.before is None:
                raise IncorrectLookupParameters

    def get_ordering(self, request: Any, queryset: Any) -> list[Any]:
        """Newest first, always: no index serves another order."""
        return list(PAGE_ORDER)

    def get_results(self, request: Any) -> None:
        super().get_results(request)
        # The page says itself how many there are.
        self.full_result_count = self.result_count
        self.result_list = _rows_of(self.result_list)

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        if new_params and PAGE_VAR in new_params and self.before:
            new_params = {**new_params, BEFORE: self.before.pk}
        return super().get_query_string(new_params, remove)

    @cached_property
    def older_query(self) -> str:
        """What follows the last page that is counted; "" where nothing does."""
        if not (self.paginator.is_cut and self.page_num == self.paginator.num_pages):
            return ""
        return self.get_query_string({BEFORE: self.result_list[-1].pk})

    @cached_property
    def newest_query(self) -> str:
        """The way back from older entries."""
        return self.get_query_string() if self.before else ""

    @cached_property
    def in_force(self) -> list[dict[str, str]]:
        """Each filter that is set: its name, its value, and the query without it."""
        return [
            {"name": name, "value": value, "drop": self.get_query_string({name: None})}
            for name in (*PARAMETERS, SEARCH_VAR)
            if (value := self.params.get(name))
        ]

    @cached_property
    def number(self) -> str:
        """How many entries there are, as exactly as can be known cheaply."""
        if not self.paginator.is_cut:
            return f"{self.result_count:,}"
        if self.in_force or self.before:
            return f"more than {REACH:,}"
        return f"about {max(_estimate(), REACH):,}"

    @cached_property
    def activity(self) -> Activity:
        until = self.params.get("until")
        last = parse_date(until) if until else timezone.now().date()
        return activity(self.filtered, self.found, last)


def _rows_of(page: QuerySet[AuditEntry]) -> list[AuditEntry]:
    """The page's rows in its order: first which they are, then the rows themselves.

    A filter's index alone tells which. Asked for whole rows, PostgreSQL believes a frequent value
    to be spread evenly and walks the log by time: for ever, where it is a year since the last one.
    """
    pks = list(page.values_list("pk", flat=True))
    rows = AuditEntry.objects.in_bulk(pks)
    return [rows[pk] for pk in pks]


def _older_than(entries: QuerySet[AuditEntry], before: AuditEntry | None) -> QuerySet[AuditEntry]:
    """What comes after `before` in page order: of its own moment, those with a smaller id."""
    if before is None:
        return entries
    moment = before.created_at
    return entries.filter(Q(created_at__lt=moment) | Q(pk__lt=before.pk), created_at__lte=moment)


def _estimate() -> int:
    """The log's length to two digits, from what the database knows without counting."""
    connection = connections[AuditEntry.objects.db]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            table = AuditEntry._meta.db_table
            cursor.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [table])
            length = int(cursor.fetchone()[0])
    else:
        length = AuditEntry.objects.aggregate(last=Max("pk"))["last"] or 0
    return int(float(f"{length:.2g}"))
