"""Writes what this deployment declares into `console_declared_flags`."""

from dataclasses import asdict, dataclass, field
from datetime import datetime

from django.utils import timezone

from audit.actor import Actor
from audit.services import audited, record
from flags.declarations import Declaration, Declarations
from flags.models import DeclaredFlag

_FIELDS = ("default_value", "risk", "soak_period_hours", "description")


@dataclass(slots=True)
class SyncPlan:
    """How an environment's declared rows differ from the declarations. Lists of flag keys."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def __str__(self) -> str:
        parts = (("added", self.added), ("changed", self.changed), ("removed", self.removed))
        return "; ".join(f"{verb}: {', '.join(keys)}" for verb, keys in parts if keys)


def plan_sync(declarations: Declarations, env: str) -> SyncPlan:
    """What `sync_flags` would change in `env`. Writes nothing."""
    listed = DeclaredFlag.objects.filter(env=env).values_list("flag_key", *_FIELDS)
    rows = {key: tuple(told) for key, *told in listed}
    plan = SyncPlan(removed=sorted(set(rows) - set(declarations)))
    for key, declaration in declarations.items():
        if key not in rows:
            plan.added.append(key)
        elif rows[key] != _told(declaration):
            plan.changed.append(key)
    return plan


def _told(declaration: Declaration) -> tuple[object, ...]:
    """What the declared row of this flag has in `_FIELDS`."""
    return (
        declaration.default,
        declaration.risk.value,
        declaration.soak_period_hours,
        declaration.description,
    )


def sync_flags(
    declarations: Declarations,
    env: str,
    *,
    release: str,
    actor: Actor | None = None,
    now: datetime | None = None,
) -> SyncPlan:
    """Make the declared rows of `env` equal to `declarations`. Returns what was changed.

    With an `actor` changes get an audit row: risk and soak rule who may flip what, and when.
    """
    now = now or timezone.now()
    with audited():
        plan = plan_sync(declarations, env)
        if plan and actor:
            record(
                actor,
                "console.flags.declared",
                target_type="environment",
                target_id=env,
                payload={"env": env, "release": release, **asdict(plan)},
                now=now,
            )
        DeclaredFlag.objects.filter(env=env, flag_key__in=plan.removed).delete()
        DeclaredFlag.objects.bulk_create(
            [
                DeclaredFlag(
                    flag_key=declaration.key,
                    env=env,
                    default_value=declaration.default,
                    risk=declaration.risk.value,
                    soak_period_hours=declaration.soak_period_hours,
                    description=declaration.description,
                    release=release,
                    synced_at=now,
                )
                for declaration in declarations.values()
            ],
            update_conflicts=True,
            unique_fields=["flag_key", "env"],
            update_fields=[*_FIELDS, "release", "synced_at"],
        )
    return plan
