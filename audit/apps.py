from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import post_migrate, pre_migrate


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit log"
    role_permissions = {
        "ops": ["view_auditentry"],
        "superadmin": ["view_auditentry"],
    }

    def ready(self) -> None:
        from audit import triggers
        from audit.checks import key_is_strong, triggers_are_in_place

        pre_migrate.connect(triggers.before_migrate, sender=self)
        post_migrate.connect(triggers.after_migrate, sender=self)
        checks.register(triggers_are_in_place, checks.Tags.database)
        checks.register(key_is_strong, checks.Tags.security, deploy=True)
