"""Strict reading of the process environment.

A value that is not understood stops the start and names its variable: a console that guesses what
``DEBUG=ture`` meant would guess in production.
"""

import math
import os
import re
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from flags.config_vars import parse_bool


def read_bool(name: str, *, default: bool) -> bool:
    """The boolean in variable `name`: 1/0, true/false, on/off, yes/no in any case."""
    return understood_bool(name, os.environ.get(name), default=default)


def understood_bool(name: str, text: str | None, *, default: bool) -> bool:
    """The boolean that `text`, the value of variable `name`, says; `default` where it is None."""
    if text is None:
        return default
    value = parse_bool(text)
    if value is None:
        raise ImproperlyConfigured(
            f"{name}={text!r} is not understood: use 1/0, true/false, on/off or yes/no."
        )
    return value


def read_text(name: str, *, default: str | None = None) -> str:
    """The non-empty text in variable `name`; without a default it is required."""
    text = os.environ.get(name, "").strip()
    if text:
        return text
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set, and it has no default here.")
    return default


def read_choice(name: str, choices: tuple[str, ...], *, default: str | None = None) -> str:
    """One of `choices`, spelled exactly."""
    text = read_text(name, default=default)
    if text not in choices:
        raise ImproperlyConfigured(f"{name}={text!r} is not one of {', '.join(choices)}.")
    return text


def read_choices(
    name: str, choices: tuple[str, ...], *, default: tuple[str, ...]
) -> tuple[str, ...]:
    """A comma-separated, non-empty subset of `choices`, in the order of `choices`."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    named = set(read_list(name, default=()))
    unknown = sorted(named - set(choices))
    if unknown or not named:
        raise ImproperlyConfigured(f"{name}={text!r} may name only {', '.join(choices)}.")
    return tuple(choice for choice in choices if choice in named)


def read_list(name: str, *, default: tuple[str, ...]) -> list[str]:
    """Comma-separated texts, blanks dropped."""
    text = os.environ.get(name)
    if text is None:
        return list(default)
    return [part.strip() for part in text.split(",") if part.strip()]


def read_apps(
    name: str, environments: tuple[str, ...], *, default: tuple[str, ...]
) -> dict[str, str]:
    """Names of Heroku apps, comma-separated, each with its environment, in their order.

    An app's name ends in its environment (``raxx-api-prod``), or it is said: ``raptor=prod``.
    """
    apps: dict[str, str] = {}
    for text in read_list(name, default=default):
        app, _, env = (part.strip() for part in text.partition("="))
        env = env or app.rpartition("-")[2]
        if env not in environments or not _APP.fullmatch(app):
            raise ImproperlyConfigured(
                f"{name}: {text!r} is not understood: give an app's name that ends in "
                f"{' or '.join(f'-{each}' for each in environments)}, or NAME=ENVIRONMENT."
            )
        apps[app] = env
    if not apps:
        raise ImproperlyConfigured(f"{name} is set and names no app.")
    return apps


# What Heroku takes for a name; nothing that a shell would read as anything else.
_APP = re.compile(r"[a-z][a-z0-9-]{1,60}")


def read_number(
    name: str, *, default: float, low: float, high: float, unit: str = "seconds"
) -> float:
    """A number of seconds, or of another `unit`, in ``low..high``, both included."""
    text = os.environ.get(name)
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not low <= seconds <= high:
        raise ImproperlyConfigured(
            f"{name}={text!r} is not understood: give a number of {unit} from {low:g} to {high:g}."
        )
    return seconds


def read_database(name: str, *, default: str) -> dict[str, Any]:
    """The PostgreSQL or SQLite database that a URL names, as Django's DATABASES wants it."""
    try:
        # Set and empty is no URL: falling back to SQLite would lose what is written.
        url = os.environ.get(name, default).strip()
        database: dict[str, Any] = environ.Env.db_url_config(url) if url else {}
    except (ValueError, ImproperlyConfigured):
        database = {}
    # In memory each connection would see a database of its own, the flags' refresher an empty one.
    if database.get("ENGINE") not in _ENGINES or database["NAME"] in ("", ":memory:"):
        # The URL holds a password: it is not repeated here.
        raise ImproperlyConfigured(
            f"{name} is not understood: use postgres://user:password@host:port/name or "
            "sqlite:///path."
        )
    return database


_ENGINES = ("django.db.backends.postgresql", "django.db.backends.sqlite3")
