"""The audit row of something done to an operator, or by one to the session."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.models import User
from audit.actor import Actor
from audit.services import record


def record_about(
    operator: User,
    actor: Actor,
    what: str,
    payload: Mapping[str, Any] | None = None,
    *,
    now: datetime | None = None,
) -> None:
    """Append ``console.operator.<what>``, inside the caller's transaction."""
    record(
        actor,
        f"console.operator.{what}",
        target_type="operator",
        target_id=operator.get_username(),
        payload={"operator": operator.get_username(), **(payload or {})},
        now=now,
    )
