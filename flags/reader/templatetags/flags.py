"""`{% load flags %}`, as the console's own app offers it."""

from flags.templatetags.flags import register

__all__ = ["register"]
