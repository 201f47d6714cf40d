"""Ways to break a command of a runbook, as a slip of the pen would. Each must be noticed."""

import re
from collections.abc import Iterator

from tests.runbook.document import Command

_SILENCED = " >/dev/null 2>&1"


def broken(command: Command) -> list[tuple[str, str]]:
    """What was broken, and the text that results. Never empty."""
    ways = {"sh": _shell, "sql": _sql, "yaml": _yaml, "python": _python}
    return [
        (what, text) for what, text in ways[command.language](command.text) if text != command.text
    ]


def _shell(text: str) -> Iterator[tuple[str, str]]:
    if "manage.py" in text:
        yield "command misspelled", re.sub(r"manage\.py (\w+)", r"manage.py \1x", text)
    if text.startswith("heroku"):
        yield "verb misspelled", re.sub(r"^heroku ([\w:]+)", r"heroku \1x", text)
        yield "app left out", re.sub(r" --app [\w<>-]+", "", text, count=1)
        yield "another app", re.sub(r"--app [\w<>-]+", "--app raxx-api-staging", text, count=1)
    yield "not silenced", text.replace(_SILENCED, "")
    yield "on and off changed", _swapped(text, " on ", " off ")
    yield "1 and 0 changed", _swapped(text, "=1 ", "=0 ")
    yield "another variable", text.replace("FLAG_<FLAG_KEY>", "FLAG_<FLAG_KEY>X")
    yield "another flag", text.replace(" <flag_key>", " console_order_search_v2")
    yield "another environment", text.replace("--env <env>", "--env staging")
    yield "another environment", text.replace("--env staging", "--env prod")
    yield "another environment", text.replace("--env prod", "--env staging")
    yield "no incident", text.replace(" --incident <INC-1>", "")
    yield "no reason", text.replace(' --reason "<why>"', "")
    yield "an unknown placeholder", text.replace("<", "<un", 1) if "<" in text else text


def _sql(text: str) -> Iterator[tuple[str, str]]:
    yield "table misspelled", re.sub(r"console_\w+", "console_nothing", text, count=1)
    yield "no environment", text.replace(" AND env='<env>'", "")
    yield "another environment", text.replace("'<env>'", "'staging'")
    yield "no flag", text.replace("flag_key='<flag_key>' AND ", "")
    yield "another flag", text.replace("'<flag_key>'", "'email_digest_weekly'")
    yield "on and off changed", _swapped(text, "value=1", "value=0")
    yield "another action", text.replace("console.flag.flip", "console.flag.flop")
    yield "another order", text.replace(" DESC", "")


def _yaml(text: str) -> Iterator[tuple[str, str]]:
    yield "no boolean", text.replace("false", "maybe")
    yield "on and off changed", text.replace("false", "true")
    yield "another key", text.replace("my_new_feature", "my_old_feature")
    yield "not indented", text.replace("  risk", "risk")


def _python(text: str) -> Iterator[tuple[str, str]]:
    yield "another function", text.replace("is_on", "is_off")
    yield "another key", text.replace("my_new_feature", "my_old_feature")
    yield "turned round", text.replace("if flags", "if not flags")


def _swapped(text: str, one: str, other: str) -> str:
    return text.replace(one, other) if one in text else text.replace(other, one)
