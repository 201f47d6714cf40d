"""The slot that flags offer to another room: a cell in each row, a part of the flag page, and a
place in a flip's own transaction.

The room to the right fills it in its ``AppConfig.ready()``: flags does not know which one it is.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from audit.actor import Actor
from audit.models import AuditEntry
from flags.state import FlagState


@dataclass(frozen=True, slots=True)
class Part:
    """A template, and what it draws as `part`."""

    template: str
    content: Any


class Companion:
    """A room beside the flags. This one has nothing to say."""

    def cells(self, states: Collection[FlagState], actor: Actor) -> Mapping[str, Part]:
        """The cells of these rows, which are of one environment, by flag key."""
        return {}

    def section(self, state: FlagState, actor: Actor) -> Part | None:
        """The companion's part of the page of one flag."""
        return None

    def busy(self, keys: Collection[str]) -> Collection[str]:
        """Those of these flags whose DB rows are still needed for something that is under way."""
        return ()

    def flipped(self, entry: AuditEntry) -> None:
        """Called in the transaction of each flip, once its row has the new value.

        `entry` is the flip's audit row. What is raised here takes the flip back.
        """


_companion = Companion()


def fill(companion: Companion) -> None:
    """Put `companion` beside the flags."""
    global _companion
    _companion = companion


def companion() -> Companion:
    """Whoever is beside the flags."""
    return _companion
