import json
import re
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from audit import filters
from audit.listing import AuditChangeList, BoundedPaginator
from audit.models import AuditEntry
from audit.read_only import ReadOnlyAdmin
from audit.search import RECENT
from audit.sentences import sentence_html


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The log, to read. Nobody adds, changes or deletes a row here."""

    list_display = ("when", "what", "channel", "action")
    list_display_links = None
    list_filter = (
        filters.WrittenFilter,
        filters.EnvironmentFilter,
        filters.ChannelFilter,
        filters.ActionFilter,
    )
    # `audit.search` does the searching; the field stands there because this is not empty.
    search_fields = ("target_id",)
    search_help_text = (
        "A flag, an incident, a request id or a name, exactly as it is written; "
        f"where nothing fits, a part of one among the newest {RECENT:,} entries."
    )
    sortable_by = ()
    list_per_page = 50
    list_max_show_all = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    # Facets would count the whole log, once for each choice.
    show_facets = admin.ShowFacets.NEVER
    actions = None

    def get_changelist(self, request: Any, **kwargs: Any) -> type[AuditChangeList]:
        return AuditChangeList

    def get_search_results(
        self, request: Any, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        return queryset, False

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Look-ups from the address: those of the filters."""
        return lookup in filters.PARAMETERS

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"title": "Audit log", "is_popup": False, "recent": f"{RECENT:,}"}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    @admin.display(description="when (UTC)")
    def when(self, entry: AuditEntry) -> Any:
        return render_to_string("audit/_when.html", {"time": entry.created_at})

    @admin.display
    def what(self, entry: AuditEntry) -> Any:
        shown = {
            "entry": entry,
            "sentence": sentence_html(entry),
            "payload": _as_json(entry.payload),
            "context": _as_json(entry.context) if entry.context else "",
        }
        return render_to_string("audit/_what.html", shown)


# Marks that turn the direction of the text after them: shown by their numbers.
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def _as_json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return _DIRECTIONS.sub(lambda mark: f"\\u{ord(mark[0]):04x}", text)
