"""Where `flags.is_on()` has its rows from, by the settings of a project that is not the console."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from flags.client.address import Address, parse
from flags.client.source import ConsoleSource
from flags.declarations import Declarations


def address() -> Address:
    """The console of FLAGS_URL, FLAGS_TOKEN and FLAGS_PLAIN_HTTP (off). Raises
    ImproperlyConfigured, never with the token in its text."""
    try:
        return parse(
            getattr(settings, "FLAGS_URL", ""),
            getattr(settings, "FLAGS_TOKEN", ""),
            plain_http=getattr(settings, "FLAGS_PLAIN_HTTP", False),
        )
    except ValueError as error:
        raise ImproperlyConfigured(f"FLAGS_URL, FLAGS_TOKEN: {error}") from None


def row_source(declared: Declarations) -> ConsoleSource:
    """The console's values of these flags. Raises ImproperlyConfigured."""
    return ConsoleSource(address(), declared)
