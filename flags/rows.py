"""A flag as a row of the flags page: what `_flag_row.html` draws."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit.actor import Actor
from flags import policy
from flags.history import LastChange, changes_of, last_changes
from flags.layers import Source, word
from flags.models import DeclaredFlag, FeatureFlag
from flags.slots import Part, companion
from flags.state import FlagState

if TYPE_CHECKING:
    from flags.cleanup_steps import Entry


@dataclass(frozen=True, slots=True)
class Row:
    """One flag in one environment, for one operator."""

    pk: int | None
    state: FlagState
    last_change: LastChange | None
    may_flip: bool
    part: Part | None = None
    """What the room beside the flags draws in this row."""
    notice: str = ""
    refused: bool = False
    elevate_to: str = ""
    """Where a refused flip goes on to after elevation."""
    advice: "Entry | None" = None
    """Why it is in the clean-up list, where the page is filtered by it."""

    @property
    def target(self) -> str:
        """What a click asks for: "on" or "off"."""
        return word(not self.state.value)

    @property
    def needs_elevation(self) -> bool:
        return policy.needs_elevation(self.state.declaration.risk)

    @property
    def minimum_role(self) -> str:
        return policy.minimum_role(self.state.declaration.risk)

    @property
    def shadows(self) -> list[str]:
        """What lies beneath the winning layer, where it matters."""
        state, said = self.state, self.state.resolution
        lines = []
        if state.row and not state.environment.db_layer:
            lines.append(f"DB row says {word(bool(state.row.value))}: dormant, the DB layer is off")
        if said.env is not None and state.source is Source.DB:
            lines.append(f"config var says {word(said.env)}: dormant")
        if state.environment.ignores_config_var(state.key):
            lines.append("config var is ignored: no boolean")
        if said.yaml != state.value:
            lines.append(f"YAML default is {word(said.yaml)}")
        if state.environment.config_vars is None and state.source is not Source.DB:
            lines.append("env layer not known here")
        return lines


def build_rows(states: Iterable[FlagState], pks: Mapping[str, int], actor: Actor) -> list[Row]:
    """The rows of these states, in their order: two queries for who changed them last, and those of
    the room beside the flags.

    `pks` are the primary keys of the declared rows by flag key, without those flags that
    `sync_flags` has not listed yet.
    """
    states = list(states)
    changes = changes_of(states)
    parts = companion().cells(states, actor)
    return [
        Row(
            pk=pks.get(state.key),
            state=state,
            last_change=changes.get(state.key),
            may_flip=policy.may_flip(actor, state.declaration.risk),
            part=parts.get(state.key),
        )
        for state in states
    ]


def row_of(state: FlagState, actor: Actor) -> Row:
    """The row of one state."""
    listed = DeclaredFlag.objects.filter(flag_key=state.key, env=state.env)
    return build_rows([state], dict(listed.values_list("flag_key", "pk")), actor)[0]


def orphans(env: str, declared: Iterable[str]) -> list[tuple[FeatureFlag, LastChange]]:
    """DB rows of `env` whose flag is no longer declared, with their last change."""
    rows = FeatureFlag.objects.filter(env=env).order_by("flag_key")
    # Compared here: a thousand keys in a condition cost more than a thousand keys read.
    lost = set(rows.values_list("flag_key", flat=True)) - set(declared)
    if not lost:
        return []
    rows = rows.filter(flag_key__in=lost)
    changes = last_changes(rows)
    return [(row, changes[row.flag_key]) for row in rows]
