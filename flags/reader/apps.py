from django.apps import AppConfig
from django.core import checks
from django.core.signals import request_started

from flags.apps import begin_request


class FlagsReaderConfig(AppConfig):
    name = "flags.reader"
    # The console's own app has the label "flags".
    label = "flags_reader"
    verbose_name = "Feature flags of the console"

    def ready(self) -> None:
        from flags.checks import config_vars_are_understood, declarations_are_sound
        from flags.reader.checks import console_can_be_asked

        checks.register(declarations_are_sound)
        checks.register(config_vars_are_understood)
        checks.register(console_can_be_asked)
        request_started.connect(begin_request, dispatch_uid="flags.ensure_fresh")
