"""When a config var may go: each one's stage, its proof, or what is missing (runbook section 8).

Nothing is removed here; that is done by hand, and noticed by the next report.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import BigIntegerField, Case, OuterRef, Q, Subquery, Value, When

from audit.models import PAYLOAD_ENV, AuditEntry
from flags.config_vars import SWITCH, SWITCH_KEY
from flags.heroku.reported import Reported, console_app, everyone
from flags.history import FLIP, latest_removals
from flags.layers import resolve
from flags.models import ConfigVar, DeclaredFlag, Env, FeatureFlag

SOAK = timedelta(hours=24)
IMPORT_HOLDS = timedelta(hours=24)
"""So long what was read in for an app that does not report itself counts as its present state."""


class Stage(StrEnum):
    """How far a config var is on its way out, in this order."""

    STRAY = "stray"
    """No flag of its environment is declared under its name: nothing reads it."""
    ACTIVE = "active"
    """It decides, or would decide if the rows' layer or the row were as they are now."""
    DORMANT = "dormant"
    """A DB row shadows it in its environment."""
    SOAKING = "soaking"
    """Rows shadow it in both environments, each with a flip in the log, for less than 24 hours."""
    SOAKED = "soaked"
    """So for 24 hours, but something else is missing."""
    READY = "ready"
    """Proved: without it no resolved value changes."""
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Live:
    """A DB row, and the audit row of the flip since which there has been one without a gap."""

    row: FeatureFlag
    entry: AuditEntry | None

    @property
    def audit_id(self) -> int | None:
        return self.entry.pk if self.entry else None

    @property
    def since(self) -> datetime:
        return self.entry.created_at if self.entry else self.row.updated_at


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that keeps a config var from being removed: a name for programs, and a sentence."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A config var of an app, and how far it is. `live` are the DB rows of its flag by environment.

    `dormant_since` and `soaked_at` are None where it is not, or cannot be, so.
    """

    var: ConfigVar
    told: Reported
    live: Mapping[str, Live]
    stage: Stage
    lacks: tuple[Lack, ...]
    dormant_since: datetime | None
    soaked_at: datetime | None
    yaml: bool | None

    @property
    def loses_net(self) -> bool:
        """Whether, without the variable, a start while the database is away gives another value
        than the row has."""
        row = self.live.get(self.var.env)
        if row is None or self.yaml is None or self.stage is Stage.REMOVED:
            return False
        return self.var.value is bool(row.row.value) and self.yaml is not self.var.value


def lines(now: datetime, *, key: str | None = None) -> list[Line]:
    """Every config var that was ever reported, of flag `key` alone if given, in order of their
    flags. Seven queries, however many there are."""
    known = ConfigVar.objects.exclude(flag_key=SWITCH_KEY)
    if key is not None:
        known = known.filter(flag_key=key)
    found = list(known.order_by("flag_key", "app", "env"))
    keys = {var.flag_key for var in found}
    told = everyone()
    live = live_rows(keys)
    defaults = {
        (flag.flag_key, flag.env): flag.default_value
        for flag in DeclaredFlag.objects.filter(flag_key__in=keys)
    }
    consoles = _layer_since(told.values())
    return [
        _line(
            var,
            told[var.app, var.env],
            {env: live[var.flag_key, env] for env in Env.values if (var.flag_key, env) in live},
            defaults.get((var.flag_key, var.env)),
            consoles,
            now,
        )
        for var in found
    ]


def live_rows(keys: Collection[str]) -> dict[tuple[str, str], Live]:
    """The DB rows of these flags by flag key and environment, with the flips that began them.

    A row that raw SQL removed and somebody made anew began when it was made anew.
    """
    rows = FeatureFlag.objects.filter(flag_key__in=keys)
    gaps = [
        When(Q(flag_key=key, env=env), then=Value(pk))
        for (key, env), pk in latest_removals(keys).items()
    ]
    after = Case(*gaps, default=Value(0), output_field=BigIntegerField())
    flips = AuditEntry.objects.filter(
        target_type="feature_flag", target_id=OuterRef("flag_key"), action=FLIP
    )
    flips = flips.alias(told_env=PAYLOAD_ENV).filter(told_env=OuterRef("env"))
    first = flips.filter(pk__gt=OuterRef("after")).order_by("pk").values("pk")[:1]
    rows = rows.annotate(after=after).annotate(began=Subquery(first))
    found = list(rows)
    entries = AuditEntry.objects.in_bulk([row.began for row in found if row.began])
    return {(row.flag_key, row.env): Live(row, entries.get(row.began)) for row in found}


def _layer_since(told: Collection[Reported]) -> dict[str, datetime]:
    """When each environment's console was seen to turn its DB layer on, where that is known.

    By the report that `console_of` goes by: an app that was renamed left its old one behind.
    """
    found: dict[str, Reported] = {}
    for each in sorted(told, key=lambda each: each.at):
        before = found.get(each.env)
        if not each.report.imported or (
            each.app == console_app(each.env) and (before is None or before.report.imported)
        ):
            found[each.env] = each
    return {env: each.db_layer_since for env, each in found.items() if each.db_layer_since}


def _line(
    var: ConfigVar,
    told: Reported,
    live: Mapping[str, Live],
    yaml: bool | None,
    consoles: Mapping[str, datetime],
    now: datetime,
) -> Line:
    here = live.get(var.env)
    is_dormant = here is not None and told.db_layer
    since = max(filter(None, [here.since, told.db_layer_since])) if here and is_dormant else None
    soaked_at = None
    if since and len(live) == len(Env.values):
        starts = [max(filter(None, [row.since, consoles.get(env)])) for env, row in live.items()]
        soaked_at = max(since, *starts) + SOAK
    lacks = tuple(_lacks(var, told, live, yaml, soaked_at, now))
    stage = _stage(var, lacks)
    if stage is Stage.REMOVED:
        lacks = ()
    return Line(var, told, live, stage, lacks, since, soaked_at, yaml)


def _lacks(
    var: ConfigVar,
    told: Reported,
    live: Mapping[str, Live],
    yaml: bool | None,
    soaked_at: datetime | None,
    now: datetime,
) -> list[Lack]:
    """What keeps it from being removed, in the order in which to see to it."""
    if yaml is None:
        text = f"no flag {var.flag_key} is declared in {var.env}: declare it, or unset it by hand"
        return [Lack("undeclared", text)]
    found = []
    if not told.db_layer:
        text = f"{var.app} does not read database rows ({SWITCH} is not 1 there): the var decides"
        found.append(Lack("layer_off", text))
    for env in sorted(Env.values, key=lambda env: env != var.env):
        if env not in live:
            found.append(Lack(f"no_row_{env}", f"no database row in {env}: pin it there"))
        elif live[env].entry is None:
            text = f"the audit log has no {FLIP} of it in {env}: flip it there"
            found.append(Lack(f"no_flip_{env}", text))
    if soaked_at and now < soaked_at:
        text = f"the rows soak until {soaked_at:%Y-%m-%d %H:%M} UTC"
        found.append(Lack("soaking", text))
    if told.report.imported and now - told.at > IMPORT_HOLDS:
        text = f"{var.app} was read in at {told.at:%Y-%m-%d %H:%M} UTC: read it in again"
        found.append(Lack("old_report", text))
    if _would_change(var, told, live, yaml):
        found.append(Lack("would_change", f"without it {var.flag_key} would change in {var.env}"))
    return found


def _would_change(var: ConfigVar, told: Reported, live: Mapping[str, Live], yaml: bool) -> bool:
    """Whether the flag resolves to another value in this app without the variable.

    The variable speaks for its own app's environment alone, so nowhere else can it matter.
    """
    here = live.get(var.env)
    db = bool(here.row.value) if here and told.db_layer else None
    with_it = resolve(db=db, env=var.value, yaml=yaml)
    return with_it.value is not resolve(db=db, env=None, yaml=yaml).value


_STAGES = (
    (Stage.STRAY, ("undeclared",)),
    (Stage.ACTIVE, ("layer_off", "no_row_{env}")),
    (Stage.DORMANT, ("no_row_", "no_flip_")),
    (Stage.SOAKING, ("soaking",)),
)


def _stage(var: ConfigVar, lacks: Collection[Lack]) -> Stage:
    if var.removed_at is not None:
        return Stage.REMOVED
    names = [lack.name for lack in lacks]
    for stage, starts in _STAGES:
        wanted = tuple(start.format(env=var.env) for start in starts)
        if any(name.startswith(wanted) for name in names):
            return stage
    return Stage.SOAKED if names else Stage.READY
