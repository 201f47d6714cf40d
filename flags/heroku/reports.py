"""Taking in what an app says of its config vars: the only writer of `console_config_vars`.

Runbook section 8: what is still set, what is dormant, what was removed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

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
    done, began = Report(), now or timezone.now()
    with audited():
        # First of all, and changed even where there is nothing to change: whoever holds this row
        # has the app for itself.
        ConfigVarReport.objects.bulk_create(
            [ConfigVarReport(app=app, env=env, imported=imported, first_at=began, last_at=began)],
            update_conflicts=True,
            unique_fields=["app", "env"],
            # What an app says of itself counts for more than what somebody reads in for it.
            update_fields=["last_at"] if imported else ["imported", "last_at"],
        )
        # Whoever had it may have been at it for a while: what is told is what holds from now.
        now = now or timezone.now()
        report = ConfigVarReport.objects.get(app=app, env=env)
        report.first_at = now if report.first_at == began else report.first_at
        report.last_at = now
        report.save()
        known = {var.flag_key: var for var in ConfigVar.objects.filter(app=app, env=env)}
        for key in sorted(found):
            var = known.setdefault(key, ConfigVar(app=app, env=env, flag_key=key))
            _note(done, var, found[key], now)
        _note_gone(done, known, {*found, *still_set}, now)
        for action, keys in ((SEEN, (*done.new, *done.changed)), (REMOVED, done.removed)):
            for key in keys:
                _record(actor, action, known[key], now)
    return done


def forget(app: str, env: str, *, actor: Actor) -> bool:
    """Forget all that was told of an app that is gone, or never was. Audited.

    Returns whether there was anything to forget.
    """
    with audited():
        gone, _ = ConfigVarReport.objects.filter(app=app, env=env).delete()
        variables, _ = ConfigVar.objects.filter(app=app, env=env).delete()
        if not gone and not variables:
            return False
        record(
            actor,
            "console.config_var.app_forgotten",
            target_type="app",
            target_id=app,
            payload={"app": app, "env": env, "variables": variables},
        )
    return True


def _note(done: Report, var: ConfigVar, value: bool | None, now: datetime) -> None:
    """One variable that is set, and what is to be said of it."""
    if var.pk is None or var.removed_at is not None:
        done.new.append(var.flag_key)
        var.first_seen_at = now
    elif var.value != value:
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


def _record(actor: Actor, action: str, var: ConfigVar, now: datetime) -> None:
    record(
        actor,
        action,
        target_type="config_var",
        target_id=var.flag_key,
        payload={"flag": var.flag_key, "env": var.env, "app": var.app, "value": var.value},
        now=now,
    )
