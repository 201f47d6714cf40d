"""When a config var may go: each one's stage, its proof, or what is missing (runbook section 8).

Nothing is removed here; that is done by hand, and noticed by the next report.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from flags.config_vars import SWITCH, SWITCH_KEY
from flags.heroku.live import Live, live_rows
from flags.heroku.reported import Reported, consoles
from flags.history import FLIP
from flags.layers import resolve
from flags.models import ConfigVar, DeclaredFlag, Env

SOAK = timedelta(hours=24)


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


def lines(
    now: datetime, told: Mapping[tuple[str, str], Reported], *, key: str | None = None
) -> list[Line]:
    """Every config var that was ever reported, of flag `key` alone if given, in order of their
    flags; `told` is `everyone()`. Five queries, however many there are."""
    known = ConfigVar.objects.exclude(flag_key=SWITCH_KEY)
    if key is not None:
        known = known.filter(flag_key=key)
    found = list(known.order_by("flag_key", "app", "env"))
    keys = {var.flag_key for var in found}
    live = live_rows(keys)
    defaults = {
        (flag.flag_key, flag.env): flag.default_value
        for flag in DeclaredFlag.objects.filter(flag_key__in=keys)
    }
    by_env = consoles(told.values())
    return [
        _line(
            var,
            told[var.app, var.env],
            {env: live[var.flag_key, env] for env in Env.values if (var.flag_key, env) in live},
            defaults.get((var.flag_key, var.env)),
            by_env,
            now,
        )
        for var in found
    ]


def _line(
    var: ConfigVar,
    told: Reported,
    live: Mapping[str, Live],
    yaml: bool | None,
    by_env: Mapping[str, Reported],
    now: datetime,
) -> Line:
    here = live.get(var.env)
    is_dormant = here is not None and told.db_layer
    since = max(filter(None, [here.since, told.db_layer_since])) if here and is_dormant else None
    soaked_at = None
    if since and len(live) == len(Env.values):
        layers = [console.db_layer_since for console in by_env.values()]
        starts = [row.since for row in live.values()]
        soaked_at = max(filter(None, [since, *starts, *layers])) + SOAK
    lacks = tuple(_lacks(var, told, live, yaml, by_env, soaked_at, now))
    stage = _stage(var, lacks)
    if stage is Stage.REMOVED:
        lacks = ()
    return Line(var, told, live, stage, lacks, since, soaked_at, yaml)


def _lacks(
    var: ConfigVar,
    told: Reported,
    live: Mapping[str, Live],
    yaml: bool | None,
    by_env: Mapping[str, Reported],
    soaked_at: datetime | None,
    now: datetime,
) -> list[Lack]:
    """What keeps it from being removed, in the order in which to see to it."""
    if yaml is None:
        text = f"no flag {var.flag_key} is declared in {var.env}: declare it, or unset it by hand"
        return [Lack("undeclared", text)]
    found = []
    if not told.db_layer:
        decides = "" if var.value is None else ": the config var decides"
        text = f"{var.app} does not read database rows ({SWITCH} is not 1 there){decides}"
        found.append(Lack("layer_off", text))
    found += _lacking_rows(var, live)
    for env, console in sorted(by_env.items()):
        if env != var.env and not console.db_layer:
            text = f"the rows of {env} have no effect there: {SWITCH} of {console.app} is not 1"
            found.append(Lack("other_layer_off", text))
    if soaked_at and now < soaked_at:
        text = f"the rows soak until {soaked_at:%Y-%m-%d %H:%M} UTC"
        found.append(Lack("soaking", text))
    if told.is_old(now):
        text = f"{var.app} was read in at {told.at:%Y-%m-%d %H:%M} UTC: read it in again"
        found.append(Lack("old_report", text))
    if _would_change(var, told, live, yaml):
        found.append(Lack("would_change", f"without it {var.flag_key} would change in {var.env}"))
    return found


def _lacking_rows(var: ConfigVar, live: Mapping[str, Live]) -> Iterator[Lack]:
    """Its own environment first."""
    for env in sorted(Env.values, key=lambda env: env != var.env):
        if env not in live:
            yield Lack(f"no_row_{env}", f"no database row in {env}: pin it there")
        elif live[env].entry is None:
            text = f"the audit log has no {FLIP} of it in {env}: flip it there"
            yield Lack(f"no_flip_{env}", text)


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
    (Stage.DORMANT, ("no_row_", "no_flip_", "other_layer_off")),
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
