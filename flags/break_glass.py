"""Flips made without a proof, in an emergency: noted, shown, acknowledged (runbook section 5)."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from audit.actor import Actor
from audit.services import audited, record
from flags.models import BreakGlass
from flags.state import FlagState


def note(
    state: FlagState,
    value: bool,
    claimed_by: User,
    *,
    change_id: uuid.UUID,
    incident: str,
    now: datetime,
) -> None:
    """Note a break-glass flip, in the flip's own transaction."""
    BreakGlass.objects.create(
        flag_key=state.key,
        env=state.env,
        value=value,
        change_id=change_id,
        claimed_by=claimed_by,
        incident=incident,
        at=now,
    )


def waiting() -> QuerySet[BreakGlass]:
    """Those that nobody has acknowledged, in the environments of this console, latest first."""
    mine = BreakGlass.objects.filter(acknowledged_at=None, env__in=settings.CONSOLE_ENVIRONMENTS)
    return mine.select_related("claimed_by").order_by("-at")


def acknowledge(pk: int, *, actor: Actor) -> BreakGlass | None:
    """Take the warning of one break-glass flip off the flags page. Audited.

    None where there is none to acknowledge, or somebody else was first.
    """
    now = timezone.now()
    with audited():
        if not waiting().filter(pk=pk).update(acknowledged_by=actor.user, acknowledged_at=now):
            return None
        entry = BreakGlass.objects.select_related("claimed_by").get(pk=pk)
        record(
            actor,
            "console.break_glass.acknowledged",
            target_type="feature_flag",
            target_id=entry.flag_key,
            payload={
                "flag": entry.flag_key,
                "env": entry.env,
                "claimed_by": entry.claimed_by.get_username(),
            },
            context={"incident": entry.incident, "acknowledged_change": entry.change_id.hex},
            now=now,
        )
    return entry
