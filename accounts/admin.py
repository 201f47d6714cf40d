from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from accounts.roles import Role
from audit.read_only import ReadOnlyAdmin


class RoleFilter(admin.SimpleListFilter):
    title = "role"
    parameter_name = "role"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(role.value, role.value) for role in Role]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(groups__name=self.value()) if self.value() else queryset


@admin.register(User)
class OperatorAdmin(ReadOnlyAdmin):
    """The operators, to read. What is changed, is changed on an operator's own page."""

    list_display = ("name", "role", "active", "totp", "last_sign_in")
    list_display_links = None
    list_filter = (RoleFilter, "is_active")
    search_fields = ("username",)
    ordering = ("username",)
    actions = None

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Look-ups from the address: those of the filters, never of passwords and the like."""
        return lookup in ("role", "is_active__exact")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        device = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        operators: QuerySet[User] = super().get_queryset(request).prefetch_related("groups")
        return operators.annotate(has_totp=Exists(device))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"title": "Operators", "is_popup": False, **(extra_context or {})}
        return super().changelist_view(request, context)

    @admin.display(ordering="username")
    def name(self, operator: User) -> str:
        name = operator.get_username()
        try:
            page = reverse("admin:operator", args=[name])
        except NoReverseMatch:
            # Raw SQL can make a name that no address can have.
            return name
        return format_html('<a href="{}">{}</a>', page, name)

    @admin.display
    def role(self, operator: User) -> str:
        roles = [*operator.roles, *(["Django superuser"] if operator.is_superuser else [])]
        return ", ".join(roles) or "none"

    @admin.display(boolean=True, ordering="is_active")
    def active(self, operator: User) -> bool:
        return operator.is_active

    @admin.display(boolean=True, description="TOTP", ordering="has_totp")
    def totp(self, operator: Any) -> bool:
        return bool(operator.has_totp)

    @admin.display(ordering="last_login")
    def last_sign_in(self, operator: User) -> Any:
        if operator.last_login is None:
            return "never"
        return render_to_string("console/_when.html", {"time": operator.last_login})
