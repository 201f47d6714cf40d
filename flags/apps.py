from django.apps import AppConfig
from django.core import checks


class FlagsConfig(AppConfig):
    name = "flags"
    verbose_name = "Feature flags"
    role_permissions = {
        "ops": ["view_declaredflag", "flip_low"],
        "superadmin": [
            *("view_declaredflag", "flip_low", "flip_medium", "flip_high"),
            *("acknowledge_breakglass", "manage_service_tokens"),
        ],
    }

    def ready(self) -> None:
        from flags.checks import config_vars_are_understood, declarations_are_sound

        checks.register(declarations_are_sound)
        checks.register(config_vars_are_understood)
