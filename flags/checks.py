"""System checks: a deploy with a bad flags file stops in the release phase."""

from typing import Any

from django.core.checks import CheckMessage, Error, Warning

from flags import config_vars, declarations, runtime


def declarations_are_sound(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """flags.E001: the flags YAML file is refused; one error for each problem in it."""
    try:
        declarations.load(runtime.flags_file())
    except declarations.DeclarationsError as error:
        return [
            Error(
                str(problem),
                hint="The form of an entry is in docs/flags.md.",
                id="flags.E001",
            )
            for problem in error.problems
        ]
    return []


def config_vars_are_understood(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """flags.W001: a FLAG_* variable of a declared flag is ignored because of its value."""
    try:
        declared = declarations.load(runtime.flags_file())
    except declarations.DeclarationsError:
        return []
    return [
        Warning(
            f"{name} is ignored: its value is no boolean, so the next layer answers.",
            hint="Set it to 1/0, true/false, on/off or yes/no, or unset it.",
            id="flags.W001",
        )
        for name in config_vars.not_understood(declared)
    ]
