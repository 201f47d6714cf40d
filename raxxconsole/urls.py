from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from raxxconsole import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("ofrep/", include("flags.ofrep.urls")),
    path("console", RedirectView.as_view(pattern_name="admin:index")),
    path("console/", admin.site.urls),
]

handler400 = "raxxconsole.views.bad_request"
handler403 = "raxxconsole.views.forbidden"
handler404 = "raxxconsole.views.not_found"
handler500 = "raxxconsole.views.server_error"
