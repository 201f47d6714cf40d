"""Who acts, and through which channel. Always passed in, never ambient."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from accounts.models import User


class Channel(models.TextChoices):
    """The way by which an act came in."""

    CONSOLE = "console", "console"
    CLI = "cli", "command line"
    PROMOTION = "promotion", "promotion"
    SQL = "sql", "SQL"
    SYSTEM = "system", "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts.

    `user` is None for a command without ``--as`` and for the system. `label` is what the log keeps
    of the actor for ever. `elevated` says that a fresh TOTP proof came with this very act,
    `break_glass` that the act goes without one and owns to it (command line only).
    `session_id` is the operator session of an elevated act on the console: it can be asked again
    whether it still is. `context` (request id, address, operating-system user …) goes into every
    audit row of the act.
    """

    channel: Channel
    label: str
    user: "User | None" = None
    elevated: bool = False
    break_glass: bool = False
    session_id: int | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
