"""What the sign-off checklist looks at, item by item."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from audit.models import AuditEntry
from flags.config_vars import SWITCH, SWITCH_KEY, name_of
from flags.declarations import Risk
from flags.gate import GATE
from flags.heroku.calls import Call, manage
from flags.heroku.findings import Finding, Verdict
from flags.heroku.live import live_rows
from flags.heroku.reported import Reported, console_app, console_of
from flags.heroku.reports import REMOVED
from flags.heroku.self_lint import NOT_LOOKED_AT, READER, reads, sources
from flags.heroku.table import App, read_table
from flags.models import ConfigVar, DeclaredFlag, Env, FeatureFlag

_ROOMS = ("audit", "accounts", "flags", "promotions")
_CONSOLES = "console_"
_DATE = "%Y-%m-%d %H:%M UTC"


def migrations(now: datetime) -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    applied = (
        {
            (entry.app, entry.name): entry.applied
            for entry in MigrationRecorder(connection).migration_qs.all()
            if entry.app in _ROOMS
        }
        if MigrationRecorder(connection).has_table()
        else {}
    )
    wanted = [node for node in executor.loader.graph.nodes if node[0] in _ROOMS]
    for app, name in sorted(set(wanted) - applied.keys()):
        yield Finding(Verdict.FAIL, f"{app}.{name} is not applied", "python manage.py migrate")
    for app in _ROOMS:
        if found := max((name for room, name in applied if room == app), default=None):
            when = applied[app, found]
            yield Finding(Verdict.PASS, f"{app}.{found} applied {when:{_DATE}}")


def switches(now: datetime) -> Iterator[Finding]:
    for env in Env.values:
        told = _console(env, now)
        if told is None:
            yield _unseen(env, SWITCH_KEY)
            continue
        where = f"{SWITCH} of {told.app} ({env})"
        on = told.db_layer and (
            env != settings.CONSOLE_ENV or settings.FLAG_CONSOLE_FEATURE_FLAGS_DB
        )
        if on and told.switch:
            row = f"row {told.switch.pk} of console_config_vars"
            yield Finding(Verdict.PASS, f"{where} is 1, reported {told.at:{_DATE}} ({row})")
        else:
            call = Call("config:set", (f"{SWITCH}=1",), told.app)
            yield Finding(Verdict.FAIL, f"{where} is not 1, {_as_of(told)}", str(call))


def dormant(now: datetime) -> Iterator[Finding]:
    """Of variables that are gone, those that turned the flag on need a row, too: without it they
    turned it off as they went. The self-gate has an item of its own."""
    for env in Env.values:
        told = _console(env, now)
        if told is None:
            yield _unseen(env)
            continue
        known = ConfigVar.objects.filter(app=told.app, env=env, flag_key__startswith=_CONSOLES)
        known = known.exclude(flag_key__in=(SWITCH_KEY, GATE))
        on = DeclaredFlag.objects.filter(env=env, default_value=True)
        on_by_yaml = set(on.values_list("flag_key", flat=True))
        wanted = [
            var
            for var in known.order_by("flag_key")
            if not var.removed_at or (var.value and var.flag_key not in on_by_yaml)
        ]
        rows = {row.flag_key: row for row in FeatureFlag.objects.filter(env=env)}
        for var in wanted:
            yield _dormancy(var, rows.get(var.flag_key))
        if not wanted:
            yield Finding(Verdict.PASS, f"{told.app} ({env}) has none, {_as_of(told)}")


def _dormancy(var: ConfigVar, row: FeatureFlag | None) -> Finding:
    if row is None:
        way = _flipping(var.flag_key, var.env)
        gone = ", and it is removed: the flag is off since" if var.removed_at else ""
        return Finding(Verdict.FAIL, f"{var}: no database row in {var.env}{gone}", way)
    return Finding(Verdict.PASS, f"{var}: row {row.pk} of console_feature_flags")


def flipped(now: datetime) -> Iterator[Finding]:
    keys = set(FeatureFlag.objects.values_list("flag_key", flat=True))
    if not keys:
        text = "no flag has a database row yet: none was migrated"
        way = manage("flag_flip", "<key>", "<on|off>", "--env", "<env>", "--reason", "<why>")
        yield Finding(Verdict.FAIL, text, way)
    for (key, env), live in sorted(live_rows(keys).items()):
        if live.entry is None:
            way = _flipping(key, env)
            yield Finding(Verdict.FAIL, f"{key} in {env}: the log has no flip of its row", way)
        else:
            when = f"{live.entry.created_at:{_DATE}}"
            yield Finding(Verdict.PASS, f"{key} in {env}: audit row {live.entry.pk}, {when}")


def gate_removed(now: datetime) -> Iterator[Finding]:
    for env in Env.values:
        told = _console(env, now)
        if told is None:
            yield _unseen(env, GATE)
        elif GATE in told.found:
            call = Call("config:unset", (name_of(GATE),), told.app)
            text = f"{name_of(GATE)} is set on {told.app} ({env}), {_as_of(told)}"
            yield Finding(Verdict.FAIL, text, str(call))
        else:
            yield Finding(Verdict.PASS, f"not set on {told.app} ({env}), {_as_of(told)}")


def one_reader(now: datetime) -> Iterator[Finding]:
    found = reads(settings.BASE_DIR)
    for place in found:
        yield Finding(Verdict.FAIL, f"{place}; {READER} alone may: ask flags.is_on() elsewhere")
    if not found:
        looked = f"of {len(sources(settings.BASE_DIR))} *.py files in {settings.BASE_DIR.name}/"
        yield Finding(Verdict.PASS, f"{READER} alone, {looked}; not looked at: {NOT_LOOKED_AT}")


def table_complete(now: datetime) -> Iterator[Finding]:
    table = read_table(now)
    for app in table.apps:
        yield _is_kept_up(app, now)
    gone = [line.var for line in table.lines if line.var.removed_at]
    noted = AuditEntry.objects.filter(target_type="config_var", action=REMOVED)
    rows = noted.filter(target_id__in={var.flag_key for var in gone}).order_by("pk")
    ids = {(row.target_id, row.payload.get("app"), row.payload.get("env")): row.pk for row in rows}
    for var in gone:
        pk = ids.get((var.flag_key, var.app, var.env))
        text = f"{var}: removed {var.removed_at:{_DATE}}"
        if pk is None:
            yield Finding(Verdict.FAIL, f"{text}, and the audit log does not know of it")
        else:
            yield Finding(Verdict.PASS, f"{text}, audit row {pk}")
    for line in table.lines:
        if line.dormant_since and not line.var.removed_at:
            text = f"{line.var}: {line.stage}, shadowed by a row since {line.dormant_since:{_DATE}}"
            yield Finding(Verdict.PASS, text)


def _is_kept_up(app: App, now: datetime) -> Finding:
    where = f"{app.name} ({app.env})"
    if app.told is None:
        return Finding(Verdict.UNSEEN, f"{where} never reported", app.look)
    if app.told.is_old(now):
        return Finding(Verdict.UNSEEN, f"{where} was read in {app.told.at:{_DATE}}", app.look)
    return Finding(Verdict.PASS, f"{where} reported {app.told.at:{_DATE}}")


def _console(env: str, now: datetime) -> Reported | None:
    """What the console of `env` reported; None for what was read in too long ago, too."""
    told = console_of(env)
    return None if told is None or told.is_old(now) else told


def _unseen(env: str, key: str = "") -> Finding:
    """The console of `env` never reported, or not of late: its config vars are not known."""
    app = console_app(env) or f"<console of {env}>"
    look = str(Call("config:get", (name_of(key),), app)) if key else App(app, env, None).look
    known = f"{app} ({env}) never reported its config vars, or not of late"
    text = f"{known}: release it, or look by hand"
    return Finding(Verdict.UNSEEN, text, look)


def _as_of(told: Reported) -> str:
    return f"as reported {told.at:{_DATE}}"


def _flipping(key: str, env: str) -> str:
    """How the flag gets a row, and a flip in the log."""
    risks = DeclaredFlag.objects.filter(flag_key=key, env=env).values_list("risk", flat=True)
    proof = ("--as", "<name>", "--totp") if Risk.HIGH in risks else ()
    return manage("flag_flip", key, "<on|off>", "--env", env, "--reason", "<why>", *proof)
