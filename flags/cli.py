"""What the commands of flags share: a plan in print, a question on the terminal."""

import sys

from django.core.management.base import OutputWrapper

from flags.heroku.override import Override
from flags.heroku.ways import Step


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
