"""What the commands of flags share: how long they wait, --env, a plan and its print, a question."""

import re
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser, OutputWrapper
from django.db import Error as DBError

from audit.deadline import answers_within, each_answer_within, was_silence
from audit.failures import let_go
from flags.heroku.override import Override, blind_plan, plan
from flags.heroku.reported import shell_of
from flags.heroku.ways import Step

_PLACEHOLDER = re.compile(r"<[A-Za-z0-9_-]+>")
PATIENCE_SECONDS = 6.0
"""So long a break-glass command waits for the database: somebody waits for the command."""


@contextmanager
def patience() -> Iterator[None]:
    """Have all waits for the database in this block be over after PATIENCE_SECONDS together, and
    the server say before that what holds them up. Raises a database error."""
    with answers_within(PATIENCE_SECONDS), each_answer_within(PATIENCE_SECONDS):
        yield


def plan_now(
    key: str, env: str, value: bool, *, after: DBError | None = None
) -> tuple[Override, DBError | None]:
    """The plan for flag `key`; where the database does not answer for it in time, the one that
    does without, and what the database said. `after`: what a flip just failed with.

    Raises UndeclaredFlag.
    """
    if after is not None and was_silence(after):
        # What was silent a moment ago is not waited for once more.
        return blind_plan(key, env, value, after), after
    try:
        with patience():
            return plan(key, env, value, after), None
    except DBError as error:
        let_go()
        return blind_plan(key, env, value, error), error


def add_env(parser: CommandParser, **options: Any) -> None:
    """--env: an environment that this console may show and change. `options` are argparse's."""
    parser.add_argument(
        "--env", type=_environment_here, choices=settings.CONSOLE_ENVIRONMENTS, **options
    )


def _environment_here(name: str) -> str:
    """The value of --env. Raises ArgumentTypeError for an environment that is another console's."""
    if name in settings.ENVIRONMENTS and name not in settings.CONSOLE_ENVIRONMENTS:
        raise ArgumentTypeError(
            f"{name} is not shown nor changed here (CONSOLE_ENVIRONMENTS): use {shell_of(name)}"
        )
    return name


def check_filled_in(**told: str) -> None:
    """Raises CommandError for a text that is still the placeholder of a line that was printed."""
    for name, text in told.items():
        if _PLACEHOLDER.fullmatch(text.strip()):
            raise CommandError(f"--{name} is {text.strip()}: fill it in. Nothing was done.")


def write_plan(plan: Override, out: OutputWrapper) -> None:
    """Sentences as comments, so that every other line can be pasted."""
    for fact in plan.facts:
        out.write(f"# {fact}")
    for title, steps in (("", plan.steps), ("# --- The way back ---", plan.back)):
        if title:
            out.write(f"\n{title}")
        for step in steps:
            _write_step(step, out)


def _write_step(step: Step, out: OutputWrapper) -> None:
    out.write("")
    for sentence in step.says:
        out.write(f"# {sentence}")
    for line in step.lines:
        out.write(line)


def is_confirmed(question: str) -> bool:
    """Whether somebody at a terminal says yes. Without a terminal nobody does."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    try:
        return input(question).strip().lower() in ("y", "yes")
    except (EOFError, KeyboardInterrupt):
        return False
