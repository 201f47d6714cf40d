"""A model's admin pages to read, and no more."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ERROR_FLAG
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect


class ReadOnlyAdmin(admin.ModelAdmin):
    """Denies add, change and delete: what is changed here, is changed through a service."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list. A filter that is none leads to all of it, as everywhere in Django's admin, but
        not without a word: who asked for some of the rows must not take all of them for those."""
        response = super().changelist_view(request, extra_context)
        is_redirect = isinstance(response, HttpResponseRedirect) and ERROR_FLAG not in request.GET
        if is_redirect and response["Location"].endswith(f"?{ERROR_FLAG}=1"):
            messages.warning(request, "The address had a filter that is none here: all are shown.")
        return response
