"""The self-gate: while `console_flag_mgmt` resolves to off, the flag pages answer 404."""

from dataclasses import dataclass

from django.conf import settings

from flags import config_vars, policy, runtime
from flags.state import FlagState, read_state

GATE = config_vars.GATE_KEY


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
        if state.environment.db_layer:
            proof = " --as <you> --totp" if policy.needs_elevation(state.declaration.risk) else ""
            return f'python manage.py flag_flip {GATE} on --env {state.env} --reason "…"{proof}'
        return f"heroku config:set {config_vars.name_of(GATE)}=1 --app <app> >/dev/null 2>&1"


def closed_gate() -> ClosedGate | None:
    """The closed gate of this deployment, or None. Not declared, it counts as open."""
    if GATE not in runtime.declared():
        return None
    state = read_state(GATE, settings.CONSOLE_ENV)
    return None if state.value else ClosedGate(state)
