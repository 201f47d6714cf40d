from django.apps import AppConfig


class PromotionsConfig(AppConfig):
    name = "promotions"
    verbose_name = "Promotions"
    role_permissions = {
        "ops": ["view_promotion"],
        "superadmin": [
            *("view_promotion", "mark_promotion", "approve_promotion"),
            *("promote_promotion", "reject_promotion"),
        ],
    }

    def ready(self) -> None:
        from flags import slots
        from promotions.beside_flags import Promotions

        slots.fill(Promotions())
