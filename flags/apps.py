from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.core.signals import request_started


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
        request_started.connect(begin_request, dispatch_uid="flags.ensure_fresh")


def begin_request(sender: Any, **kwargs: Any) -> None:
    """Once for each request: no value is older than promised because a thread died or hangs."""
    from flags import runtime

    runtime.ensure_fresh()
