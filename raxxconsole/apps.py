from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class RaxxConsoleConfig(AppConfig):
    name = "raxxconsole"


class ConsoleAdminConfig(SimpleAdminConfig):
    """Django's admin on our own site, with our own pages only.

    No autodiscovery: a third-party admin module would bring pages of its own, and django-otp's
    shows TOTP secrets.
    """

    default_site = "raxxconsole.admin_site.ConsoleAdminSite"

    def ready(self) -> None:
        super().ready()
        for room in ("audit", "accounts", "flags", "promotions"):
            import_module(f"{room}.admin")
