"""Where `flags.is_on()` has its rows from, by the settings of a project that is not the console."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from flags.client.address import Address, parse
from flags.client.source import ConsoleSource
from flags.declarations import Declarations
from flags.runtime import is_strict
from flags.store import Store

# What the runbook promises (section 1).
MOST_SECONDS = 30.0


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
        words = str(error).replace("plain_http=True", "FLAGS_PLAIN_HTTP = True")
        raise ImproperlyConfigured(f"FLAGS_URL, FLAGS_TOKEN: {words}") from None


def ttl() -> float:
    """FLAGS_TTL_SECONDS: how old a value may be, 30 at most. Raises ImproperlyConfigured."""
    seconds = getattr(settings, "FLAGS_TTL_SECONDS", MOST_SECONDS)
    if not isinstance(seconds, int | float) or not 0 < seconds <= MOST_SECONDS:
        raise ImproperlyConfigured(
            f"FLAGS_TTL_SECONDS is a number of seconds, {MOST_SECONDS} at most"
        )
    return float(seconds)


def store_of(declared: Declarations) -> Store:
    """A store of these flags that asks the console. Raises ImproperlyConfigured."""
    env = str(getattr(settings, "CONSOLE_ENV", "this service"))
    source = ConsoleSource(address(), declared)
    return Store(env, declared, source, ttl=ttl(), strict=is_strict())
