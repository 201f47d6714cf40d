"""The clean-up list's sentences: why a flag or a row is in it, and what to do next."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from audit.cli import visible
from flags.heroku.calls import delete_row, manage
from flags.heroku.reported import console_app
from flags.heroku.table import App
from flags.history import LastChange
from flags.known_since import Since
from flags.layers import Source, word
from flags.models import FeatureFlag
from flags.state import FlagState

_INCIDENT = "clean-up"


class Reason(StrEnum):
    """Why something is in the clean-up list."""

    SETTLED = "settled"
    """On, or off, in both environments, and unchanged for long."""
    DEFAULT = "default"
    """A DB row equal to its default: without it no value changes."""
    UNDECLARED = "undeclared"
    """A DB row of a flag that its environment does not declare: nothing reads it."""
    UNSEEN = "unseen"
    """What is not known here, so that flags or rows may be missing from the list."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list: why, what to do next, and the commands for it, in their order.

    `flag` is "" where the entry is of a whole environment. `since` is when the value, or the row's,
    is known to hold from.
    """

    flag: str
    env: str
    reason: Reason
    why: str
    step: str
    commands: tuple[str, ...] = ()
    since: datetime | None = None

    @property
    def lines(self) -> Iterator[str]:
        """As a terminal shows it. The key of a row that nothing declares may be any text."""
        yield visible(f"{self.flag or 'NOT SEEN'} ({self.env}, {self.reason}): {self.why}")
        yield visible(f"    next: {self.step}")
        yield from (visible(f"      {command}") for command in self.commands)


def settled(
    states: Collection[FlagState], since: dict[str, Since], days: int, services: Sequence[str]
) -> Entry:
    """`states` are of one flag, the environment first that the list is of; `since` by environment;
    `services` read flags over HTTP."""
    state = next(iter(states))
    told = "; ".join(_holds(each, since[each.env]) for each in states)
    known = [each.moment for each in since.values() if each.moment]
    keep = "keep what it gates" if state.value else "delete what it gates"
    used = "flags.is_on, if_flag, flag_required"
    return Entry(
        state.key,
        state.env,
        Reason.SETTLED,
        f"{word(state.value)} in both environments, unchanged for {days} days or more: {told}",
        f"Take the question out of the code ({used}), {_also_in(services)}{keep}, and release it "
        "to both "
        "environments; then its entry out of the flags YAML file, and release again. Its config "
        "vars go next (deprecation_table), its rows last: they are listed here then.",
        (f"git grep -n {state.key}", manage("deprecation_table")),
        max(known, default=None),
    )


def _also_in(services: Sequence[str]) -> str:
    return f"of {', '.join(services)} too, which read flags over HTTP, " if services else ""


def _holds(state: FlagState, since: Since) -> str:
    """What one environment says, and since when."""
    by = f" by {since.who}" if since.who else ""
    held = f"since {since.moment:%Y-%m-%d}{by}" if since.moment else "nobody knows since when"
    layer = {Source.DB: "row", Source.ENV: "config var", Source.YAML: "YAML default"}[state.source]
    unseen = ""
    if state.environment.config_vars is None:
        unseen = "; whether its rows are read cannot be seen from here"
    return f"{state.env} by its {layer} {held}{unseen}"


def equals_default(state: FlagState, change: LastChange, says_so: Collection[str]) -> Entry:
    """`says_so` are the apps whose config var says the same, and would decide without the row."""
    value = word(state.declaration.default)
    why = f"its row says {value} ({change}), as the YAML does: without it, it stays {value}"
    step = "Delete the row, the statement must say DELETE 1; then answer for it."
    commands = (*_deletion(state.key, state.env, state.declaration.default), _answer(state))
    if says_so:
        why = f"{why}, by the config var of {' and '.join(says_so)}"
        step = (
            "Not yet: its config var, which says the same, goes first, once the deprecation table "
            "calls it ready (runbook section 8). Until then the row keeps it dormant. The row is "
            "listed here with its statement as soon as the config var is gone."
        )
        commands = (manage("deprecation_table"),)
    return Entry(state.key, state.env, Reason.DEFAULT, why, step, commands, change.when)


def undeclared(row: FeatureFlag, change: LastChange, *, elsewhere: bool) -> Entry:
    """A row of a flag that its environment does not declare; `elsewhere`: the other one does."""
    why = (
        f"its row says {word(bool(row.value))} ({change}), and {row.env} does not declare it: "
        "nothing reads the row"
    )
    if elsewhere:
        why += "; the other environment declares it"
        step = f"If {row.env} shall have the flag, declare it there and run sync_flags. Else, once "
    else:
        step = "Once "
    step += (
        "no release that you may roll back to declares it, delete the row: the statement must say "
        "DELETE 1, and the database writes it into the log."
    )
    commands = _deletion(row.flag_key, row.env, bool(row.value))
    return Entry(row.flag_key, row.env, Reason.UNDECLARED, why, step, commands, change.when)


def unseen_console(env: str, what: str) -> Entry:
    """The config vars of `env` are not known, so `what` is not judged."""
    app = console_app(env)
    return Entry(
        "",
        env,
        Reason.UNSEEN,
        f"the config vars of {env} cannot be seen from here: {what} may be missing from this list",
        f"Release the console of {env}, which reports them; or ask in a shell of it.",
        (f"heroku run --app {app} -- bash",) if app else (),
    )


def unseen_declarations(env: str) -> Entry:
    return Entry(
        "",
        env,
        Reason.UNSEEN,
        f"what {env} declares cannot be seen from here: no release of it listed its flags",
        f"Release the console of {env}, or run this in a shell of it.",
        (manage("sync_flags"),),
    )


def unseen_apps(apps: Sequence[App], env: str) -> Entry:
    """Apps of which nobody told, or not of late; the list is of `env`."""
    return Entry(
        "",
        env,
        Reason.UNSEEN,
        f"the config vars of {', '.join(app.name for app in apps)} cannot be seen from here, or "
        "were read in too long ago: nothing in this list is proved for them",
        "Read them in, and ask for the list again.",
        tuple(app.look for app in apps),
    )


def as_json(entry: Entry) -> dict[str, Any]:
    """For programs; `flag` is null where the entry is of no flag, `since` ISO 8601 or null."""
    return {
        "flag": entry.flag or None,
        "env": entry.env,
        "reason": entry.reason.value,
        "why": entry.why,
        "next": entry.step,
        "commands": list(entry.commands),
        "since": entry.since.isoformat() if entry.since else None,
    }


def _deletion(key: str, env: str, value: bool) -> tuple[str, ...]:
    app = console_app(env)
    shell = (f"heroku pg:psql --app {app}",) if app else ()
    return (*shell, delete_row(key, env, value))


def _answer(state: FlagState) -> str:
    why = ("--reason", "row equal to its default", "--incident", _INCIDENT)
    return manage("flag_reconcile", state.key, "--env", state.env, *why)
