"""A system check: what a console needs that is asked over HTTP."""

from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from flags.reader.source import address, ttl


def console_can_be_asked(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """flags.E010: FLAGS_URL, FLAGS_TOKEN or FLAGS_TTL_SECONDS is missing or cannot be
    used. Asks nothing."""
    try:
        address()
        ttl()
    except ImproperlyConfigured as error:
        return [
            Error(
                str(error),
                hint="FLAGS_URL is the console's address, FLAGS_TOKEN what create_service_token "
                "printed there.",
                id="flags.E010",
            )
        ]
    return []
