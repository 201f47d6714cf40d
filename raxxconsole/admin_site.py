"""The admin site at /console/: our own addresses first, the admin's own ones redirect to them."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import URLPattern, URLResolver, path, re_path

from accounts.http import ConsoleRequest, View, operator_view, refuse, safe_next

# The admin's patterns that ours stand in for, or that no page here needs.
_REPLACED = {
    "index",
    "login",
    "logout",
    "app_list",
    "autocomplete",
    "view_on_site",
    "password_change",
    "password_change_done",
}

_APP_PAGES = {
    "accounts": "accounts_user_changelist",
    "audit": "audit_auditentry_changelist",
    "flags": "flags_declaredflag_changelist",
    "promotions": "promotions_promotion_changelist",
}


class ConsoleAdminSite(admin.AdminSite):
    site_header = "Raxx console"
    site_title = "Raxx console"
    index_title = "Console"
    site_url = None
    enable_nav_sidebar = False
    final_catch_all_view = False

    def get_urls(self) -> list[URLPattern | URLResolver]:
        theirs = [
            pattern
            for pattern in super().get_urls()
            # The models' own pages are resolvers: ours replace them all.
            if isinstance(pattern, URLPattern) and pattern.name not in _REPLACED
        ]
        return self._pages() + self._old_addresses() + theirs

    def _pages(self) -> list[URLPattern | URLResolver]:
        import accounts.urls
        import promotions.urls
        from audit.models import AuditEntry
        from flags import flip_views, reconcile_views, views
        from flags.heroku.views import config_vars
        from flags.ofrep.pages import revoke_service_token, service_tokens
        from raxxconsole.views import choose_environment

        any_operator = operator_view(methods=("GET",), permission=None)
        leave = operator_view(methods=("POST",), permission=None, page="admin:index")
        audit_log = operator_view(methods=("GET",), permission="audit.view_auditentry")
        return [
            path("", any_operator(self.index), name="index"),
            path("login", self.login, name="login"),
            path("logout", leave(self.logout), name="logout"),
            *accounts.urls.urlpatterns,
            path("env", choose_environment, name="choose_environment"),
            path("flags", views.flag_list, name="flags_declaredflag_changelist"),
            path("flags/<str:key>", views.flag_page, name="flag"),
            path("flags/<str:key>/flip", flip_views.flip_flag, name="flip_flag"),
            path("flags/<str:key>/offer", flip_views.offer_flip, name="offer_flip"),
            path(
                "flags/<str:key>/reconcile", reconcile_views.reconcile_flag, name="reconcile_flag"
            ),
            path("config-vars", config_vars, name="config_vars"),
            path("service-tokens", service_tokens, name="service_tokens"),
            path(
                "service-tokens/<int:pk>/revoke", revoke_service_token, name="revoke_service_token"
            ),
            *promotions.urls.urlpatterns,
            path(
                "break-glass/<int:pk>/acknowledge",
                views.acknowledge_break_glass,
                name="acknowledge_break_glass",
            ),
            path(
                "audit", audit_log(self._changelist(AuditEntry)), name="audit_auditentry_changelist"
            ),
        ]

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Whoever is signed in already, in another tab perhaps, goes on to `next` at once."""
        if request.method == "GET" and self.has_permission(request):
            asked = request.GET.get(REDIRECT_FIELD_NAME, "")
            return HttpResponseRedirect(safe_next(request, asked, "admin:index"))
        if request.method not in ("GET", "HEAD", "POST"):
            return refuse(request, 405, "This address takes GET or POST only.")
        from accounts.sign_in import SignInForm

        self.login_form = SignInForm
        return super().login(request, extra_context)

    def _changelist(self, model: type[Model]) -> View:
        def changelist(request: ConsoleRequest) -> HttpResponse:
            return self.get_model_admin(model).changelist_view(request)

        return changelist

    def _old_addresses(self) -> list[URLPattern | URLResolver]:
        """The addresses that Django's admin gives the same pages."""
        return [
            path("login/", _redirect("login")),
            path("accounts/user/", _redirect("accounts_user_changelist")),
            path("flags/declaredflag/", _redirect("flags_declaredflag_changelist")),
            path("promotions/promotion/", _redirect("promotions_promotion_changelist")),
            path("audit/auditentry/", _redirect("audit_auditentry_changelist")),
            *(
                re_path(rf"^(?P<app_label>{app})/$", _redirect(name), name="app_list")
                for app, name in _APP_PAGES.items()
            ),
        ]


def _redirect(name: str) -> Callable[..., HttpResponse]:
    def redirect(request: HttpRequest, **kwargs: str) -> HttpResponse:
        page = resolve_url(f"admin:{name}")
        query = request.META.get("QUERY_STRING")
        return HttpResponseRedirect(f"{page}?{query}" if query else page)

    return redirect
