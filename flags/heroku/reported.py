"""What apps reported of their config vars, as the database has it now. Writes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings

from flags.config_vars import SWITCH_KEY
from flags.models import ConfigVar, ConfigVarReport

IMPORT_HOLDS = timedelta(hours=24)
"""So long what was read in for an app that does not report itself counts as its present state."""


@dataclass(frozen=True)
class Reported:
    """The last report of one app: its variables by flag key, `gone` are the removed ones."""

    report: ConfigVarReport
    found: Mapping[str, ConfigVar]
    gone: Mapping[str, ConfigVar]

    @property
    def app(self) -> str:
        return self.report.app

    @property
    def env(self) -> str:
        return self.report.env

    @property
    def at(self) -> datetime:
        return self.report.last_at

    @cached_property
    def values(self) -> dict[str, bool]:
        """What the app's env layer says, by flag key."""
        return {
            key: var.value
            for key, var in self.found.items()
            if var.value is not None and key != SWITCH_KEY
        }

    @property
    def switch(self) -> ConfigVar | None:
        return self.found.get(SWITCH_KEY)

    @property
    def db_layer(self) -> bool:
        """Whether the app heeds DB rows."""
        return self.switch is not None and self.switch.value is True

    @property
    def db_layer_since(self) -> datetime | None:
        """When the DB layer was seen to be turned on; None where it is off, or was on at the first
        report, so that nobody knows since when."""
        return self.db_layer_moved if self.db_layer else None

    @property
    def db_layer_moved(self) -> datetime | None:
        """When the DB layer was seen to be switched last; None where it never was."""
        switch = self.switch or self.gone.get(SWITCH_KEY)
        moved = switch and (switch.removed_at or switch.first_seen_at)
        return moved if moved and moved > self.report.first_at else None

    def is_old(self, now: datetime) -> bool:
        """Whether somebody read it in too long ago for it to count as the app's present state."""
        return self.report.imported and now - self.at > IMPORT_HOLDS


def console_app(env: str) -> str | None:
    """The Heroku app that runs the console of `env`: the first of its apps in HEROKU_APPS."""
    return next((app for app, where in settings.HEROKU_APPS.items() if where == env), None)


def shell_of(env: str) -> str:
    """Where commands for `env` run, in words."""
    return f"a shell of {console_app(env) or f'the console of {env}'}"


def console_of(env: str) -> Reported | None:
    """What the console of `env` reported last, two queries; None where nobody ever told.

    The app that HEROKU_APPS names, if it reports itself; else another one that does, such as a
    developer's machine; else what was read in for the app that HEROKU_APPS names.
    """
    reports = [each for each in ConfigVarReport.objects.filter(env=env) if _may_be_console(each)]
    report = max(reports, key=_rank, default=None)
    app = report.app if report else console_app(env)
    found = list(ConfigVar.objects.filter(app=app, env=env))
    if report is None and not found:
        return None
    return _told(report or _implied(found), found)


def consoles(told: Iterable[Reported]) -> dict[str, Reported]:
    """Of these reports those of the consoles, by environment, as `console_of` chooses them."""
    found: dict[str, Reported] = {}
    for each in told:
        before = found.get(each.env)
        if _may_be_console(each.report) and (
            before is None or _rank(each.report) > _rank(before.report)
        ):
            found[each.env] = each
    return found


def reports_itself(app: str, env: str) -> bool:
    """Whether the app ever told of itself."""
    return ConfigVarReport.objects.filter(app=app, env=env, imported=False).exists()


def _may_be_console(report: ConfigVarReport) -> bool:
    return not report.imported or report.app == console_app(report.env)


def _rank(report: ConfigVarReport) -> tuple[bool, bool, datetime]:
    """The greatest is the console's."""
    reports_itself = not report.imported
    is_named = report.app == console_app(report.env)
    return reports_itself and is_named, reports_itself, report.last_at


def everyone() -> dict[tuple[str, str], Reported]:
    """The last report of each app, by app and environment: two queries."""
    found: dict[tuple[str, str], list[ConfigVar]] = {}
    for var in ConfigVar.objects.order_by("app", "env"):
        found.setdefault((var.app, var.env), []).append(var)
    reports = {(report.app, report.env): report for report in ConfigVarReport.objects.all()}
    reports = {where: _implied(variables) for where, variables in found.items()} | reports
    return {where: _told(report, found.get(where, [])) for where, report in reports.items()}


def _told(report: ConfigVarReport, found: Iterable[ConfigVar]) -> Reported:
    set_: dict[str, ConfigVar] = {}
    gone: dict[str, ConfigVar] = {}
    for var in found:
        (set_ if var.removed_at is None else gone)[var.flag_key] = var
    return Reported(report, set_, gone)


def _implied(found: Sequence[ConfigVar]) -> ConfigVarReport:
    """The report that must have been, of variables that came with none: as if read in."""
    return ConfigVarReport(
        app=found[0].app,
        env=found[0].env,
        imported=True,
        first_at=min(var.first_seen_at for var in found),
        last_at=max(var.removed_at or var.last_seen_at for var in found),
    )
