"""The addresses below /ofrep/."""

from django.urls import path, re_path

from flags.ofrep import views

urlpatterns = [
    path("v1/evaluate/flags", views.evaluate_all, name="ofrep_flags"),
    # A key is whatever comes: a slash or a line feed in it makes it one that is not declared.
    re_path(r"^v1/evaluate/flags/(?P<key>[\s\S]+)\Z", views.evaluate, name="ofrep_flag"),
    re_path(r"", views.nowhere),
]
