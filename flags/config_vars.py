"""Config vars: the ``FLAG_*`` environment variables of this deployment (runbook section 1).

The one module of the project that reads ``FLAG_`` from the environment. Plain Python.
"""

import logging
import os
import re
from collections.abc import Iterable, Mapping

logger = logging.getLogger(__name__)

PREFIX = "FLAG_"
SWITCH = "FLAG_CONSOLE_FEATURE_FLAGS_DB"
"""Turns the DB layer on. Never a flag, never declarable."""
SWITCH_KEY = "console_feature_flags_db"
"""Where config vars are told of by flag key, the switch's."""

_WORDS = {
    **dict.fromkeys(("1", "true", "on", "yes"), True),
    **dict.fromkeys(("0", "false", "off", "no"), False),
}
_NAME = re.compile(PREFIX + "[A-Za-z0-9_]{1,100}")
_warned: set[tuple[str, str]] = set()


def parse_bool(text: str) -> bool | None:
    """True or False for 1/0, true/false, on/off, yes/no in any case; None for anything else."""
    return _WORDS.get(text.strip().lower())


def name_of(key: str) -> str:
    """The variable that speaks for flag `key`: ``FLAG_<UPPER_FLAG_KEY>``."""
    return PREFIX + key.upper()


def keys_of(names: Iterable[str]) -> list[str]:
    """The flag keys that these variables speak for, without those that no key can have.

    ``FLAG_Console_Billing`` speaks for nobody, ``console_billing`` least of all.
    """
    keys = {name: name.removeprefix(PREFIX).lower() for name in names}
    return [key for name, key in keys.items() if name_of(key) == name]


def read(keys: Iterable[str], environ: Mapping[str, str] | None = None) -> dict[str, bool]:
    """What the environment says of each of `keys`; keys it does not mention are left out.

    A value that is not understood is left out too, with one warning per process, so that the next
    layer answers.
    """
    environ = os.environ if environ is None else environ
    # Few are set, however many flags there are.
    texts = {name: environ[name] for name in environ if name.startswith(PREFIX)}
    values: dict[str, bool] = {}
    for key in keys if texts else ():
        name = name_of(key)
        text = texts.get(name)
        if text is None or name == SWITCH:
            continue
        value = parse_bool(text)
        if value is None:
            _warn_once(name, text)
        else:
            values[key] = value
    return values


def switch_text(environ: Mapping[str, str] | None = None) -> str | None:
    """What the switch of the DB layer is set to, None where it is not set."""
    return (os.environ if environ is None else environ).get(SWITCH)


def reported(
    keys: Iterable[str], environ: Mapping[str, str] | None = None
) -> dict[str, bool | None]:
    """Those of the variables of `keys`, and of the switch, that are set; None: no boolean.

    All that may be told of an environment: values as booleans, and of these names alone.
    """
    environ = os.environ if environ is None else environ
    return {
        key: parse_bool(environ[name_of(key)])
        for key in (*keys, SWITCH_KEY)
        if name_of(key) in environ
    }


def strays(keys: Iterable[str], environ: Mapping[str, str] | None = None) -> list[str]:
    """The names of set ``FLAG_*`` variables that speak for none of `keys`, sorted.

    The switch is never a stray. A name that no shell takes could be anything: it is left out.
    """
    environ = os.environ if environ is None else environ
    known = {SWITCH, *map(name_of, keys)}
    return sorted(name for name in environ if _NAME.fullmatch(name) and name not in known)


def not_understood(keys: Iterable[str], environ: Mapping[str, str] | None = None) -> list[str]:
    """The names of the variables of `keys` whose value is no boolean."""
    environ = os.environ if environ is None else environ
    names = (name_of(key) for key in keys)
    return [name for name in names if name in environ and parse_bool(environ[name]) is None]


def _warn_once(name: str, text: str) -> None:
    if (name, text) not in _warned:
        _warned.add((name, text))
        logger.warning("%s is ignored: its value is no boolean (1/0, true/false, …)", name)
