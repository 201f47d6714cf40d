from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Operators"

    def ready(self) -> None:
        from accounts.roles import after_migrate

        post_migrate.connect(after_migrate, dispatch_uid="accounts.sync_roles")
