from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Operators"
    role_permissions = {"superadmin": ["view_user", "manage_operators"]}

    def ready(self) -> None:
        from accounts import sign_in
        from accounts.roles import after_migrate

        post_migrate.connect(after_migrate, dispatch_uid="accounts.sync_roles")
        sign_in.connect()
