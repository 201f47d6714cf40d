"""The addresses of the accounts room below /console/."""

from django.urls import path

from accounts.views import account, elevation, operators

urlpatterns = [
    path("elevate", elevation.elevate, name="elevate"),
    path("elevate/drop", elevation.drop, name="drop_elevation"),
    path("account", account.account, name="account"),
    path("account/enrol", account.enrol, name="enrol"),
    path("account/recovery-codes", account.renew_codes, name="renew_codes"),
    path("account/devices/<int:pk>/remove", account.remove_device, name="remove_device"),
    path("account/end-sessions", account.end_sessions, name="end_own_sessions"),
    path("password_change/", account.change_password, name="password_change"),
    path("users", operators.operator_list, name="accounts_user_changelist"),
    path("users/<str:name>", operators.operator_page, name="operator"),
    path("users/<str:name>/role", operators.change_role, name="change_role"),
    path("users/<str:name>/activate", operators.activate, name="activate"),
    path("users/<str:name>/deactivate", operators.deactivate, name="deactivate"),
    path("users/<str:name>/end-sessions", operators.end_sessions, name="end_sessions"),
]
