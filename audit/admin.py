import json
import re
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from audit.models import AuditEntry
from audit.read_only import ReadOnlyAdmin
from audit.sentences import sentence


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The log, to read. Nobody adds, changes or deletes a row here."""

    list_display = ("when", "what", "channel", "action", "details")
    list_display_links = None
    list_filter = ("action", "channel")
    search_fields = ("target_id", "actor")
    ordering = ("-id",)
    list_per_page = 50
    show_full_result_count = False
    actions = None

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Look-ups from the address: those of the filters, and no regular expressions."""
        field, _, how = lookup.partition("__")
        return field in self.list_filter and how in ("", "exact", "isnull", "in")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(
            request, {"title": "Audit log", "is_popup": False, **(extra_context or {})}
        )

    @admin.display(ordering="created_at")
    def when(self, entry: AuditEntry) -> Any:
        return render_to_string("console/_when.html", {"time": entry.created_at})

    @admin.display
    def what(self, entry: AuditEntry) -> str:
        return sentence(entry)

    @admin.display
    def details(self, entry: AuditEntry) -> Any:
        shown = {
            "payload": _as_json(entry.payload),
            "context": _as_json(entry.context) if entry.context else "",
        }
        return render_to_string("audit/_details.html", shown)


# Marks that turn the direction of the text after them: shown by their numbers.
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def _as_json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return _DIRECTIONS.sub(lambda mark: f"\\u{ord(mark[0]):04x}", text)
