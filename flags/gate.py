"""The self-gate: while `console_flag_mgmt` resolves to off, the flag pages answer 404."""

from dataclasses import dataclass

from django.conf import settings

from flags import config_vars, policy, runtime
from flags.layers import Source
from flags.state import FlagState, read_state

GATE = "console_flag_mgmt"


@dataclass(frozen=True, slots=True)
class ClosedGate:
    """Why the flag pages are closed, and the command that opens them again."""

    state: FlagState

    @property
    def reason(self) -> str:
        return (
            f"The flag pages are closed: {GATE} is off in {self.state.env} "
            f"(source: {self.state.source})."
        )

    @property
    def command(self) -> str:
        state = self.state
        by_flip = not policy.needs_elevation(state.declaration.risk)
        if state.environment.db_layer and by_flip:
            return f'manage.py flag_flip {GATE} on --env {state.env} --reason "…"'
        if state.source is Source.DB:
            # A config var cannot override a row: the runbook's Option A. It is shown, not run.
            update = "UPDATE console_feature_flags SET value=1, updated_at=CURRENT_TIMESTAMP"
            return f"{update} WHERE flag_key='{GATE}' AND env='{state.env}';"
        return f"heroku config:set {config_vars.name_of(GATE)}=1 --app <app> >/dev/null 2>&1"


def closed_gate() -> ClosedGate | None:
    """The closed gate of this deployment, or None. Not declared, it counts as open."""
    if GATE not in runtime.declared():
        return None
    state = read_state(GATE, settings.CONSOLE_ENV)
    return None if state.value else ClosedGate(state)
