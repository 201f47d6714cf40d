"""Taking in what an app says of its config vars: the only writer of `console_config_vars`.

Runbook section 8: what is still set, what is dormant, what was removed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from audit.actor import Actor
from audit.services import audited, record
from flags.config_vars import name_of
from flags.models import ConfigVar, ConfigVarReport

SEEN, REMOVED = "console.config_var.seen", "console.config_var.removed"


@dataclass(slots=True)
class Report:
    """What a report changed. Lists of flag keys; `changed` has another value than before."""

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = (
            ("new", self.new),
            ("changed", self.changed),
            ("removed", self.removed),
            ("as before", self.unchanged),
        )
        told = (f"{verb}: {', '.join(map(name_of, keys))}" for verb, keys in parts if keys)
        return "; ".join(told) or "none is set"


def take(
    app: str,
    env: str,
    found: Mapping[str, bool | None],
    *,
    still_set: Iterable[str] = (),
    imported: bool = False,
    actor: Actor,
    now: datetime | None = None,
) -> Report:
    """Note that these variables, by flag key, are set in `app`, and no others. Audited.

    `still_set` are flag keys that are set though nothing declares them: those of them that are
    known from before are not taken for removed. One transaction: of two reports at once the second
    waits for the first one. Each variable that is new, has another value, or is gone gets an audit
    row.
    """
    now = now or timezone.now()
    done = Report()
    with audited():
        # First of all, and changed even where there is nothing to change: whoever holds this row
        # has the app for itself.
        ConfigVarReport.objects.bulk_create(
            [ConfigVarReport(app=app, env=env, imported=imported, first_at=now, last_at=now)],
            update_conflicts=True,
            unique_fields=["app", "env"],
            # What an app says of itself counts for more than what somebody reads in for it.
            update_fields=["last_at"] if imported else ["imported", "last_at"],
        )
        known = {var.flag_key: var for var in ConfigVar.objects.filter(app=app, env=env)}
        for key in sorted(found):
            _note(done, known.get(key), ConfigVar(app=app, env=env, flag_key=key), found[key], now)
        _note_gone(done, known, {*found, *still_set}, now)
        for key in (*done.new, *done.changed):
            _record(actor, SEEN, app, env, key, found[key], now)
        for key in done.removed:
            _record(actor, REMOVED, app, env, key, known[key].value, now)
    return done


def _note(
    done: Report, known: ConfigVar | None, fresh: ConfigVar, value: bool | None, now: datetime
) -> None:
    """One variable that is set, and what is to be said of it."""
    var = known or fresh
    if known is None or known.removed_at is not None:
        done.new.append(var.flag_key)
        var.first_seen_at = now
    elif known.value != value:
        done.changed.append(var.flag_key)
        var.first_seen_at = now
    else:
        done.unchanged.append(var.flag_key)
    var.value, var.last_seen_at, var.removed_at = value, now, None
    var.save()


def _note_gone(
    done: Report, known: Mapping[str, ConfigVar], are_set: set[str], now: datetime
) -> None:
    for key, var in sorted(known.items()):
        if var.removed_at is not None:
            continue
        if key not in are_set:
            done.removed.append(key)
            var.removed_at = now
            var.save(update_fields=["removed_at"])
        elif var.last_seen_at != now:
            var.last_seen_at = now
            var.save(update_fields=["last_seen_at"])


def _record(actor: Actor, action: str, app: str, env: str, key: str, *told: Any) -> None:
    value, now = told
    record(
        actor,
        action,
        target_type="config_var",
        target_id=key,
        payload={"flag": key, "env": env, "app": app, "value": value},
        now=now,
    )
