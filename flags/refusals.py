"""Why a flip was not made. Nothing was written; each carries its HTTP answer."""

from flags.state import FlagState


class FlipRefused(Exception):
    """A flip that was not made; nothing was written. `status` is its HTTP answer."""

    status = 409


class RoleForbidden(FlipRefused):
    """The actor's role may not flip flags of this risk (runbook section 5)."""

    status = 403


class ElevationRequired(FlipRefused):
    """A high-risk flip without a fresh TOTP proof (runbook section 5)."""

    status = 403


class EnvironmentNotServed(FlipRefused):
    """This console may not change that environment, or it is not the active one."""


class DbLayerOff(FlipRefused):
    """FLAG_CONSOLE_FEATURE_FLAGS_DB is not on, so a DB row would change nothing."""


class StateMoved(FlipRefused):
    """The value is no longer the one that the operator saw; `state` is the fresh one."""

    def __init__(self, message: str, state: FlagState) -> None:
        super().__init__(message)
        self.state = state


class IncidentNeeded(FlipRefused):
    """A reconciliation names its incident, in words that the log can keep."""

    status = 400


def not_active(drawn: str, active: str) -> EnvironmentNotServed:
    """The refusal of a page that was drawn for another environment than the active one."""
    return EnvironmentNotServed(
        f"{active} is the active environment now, and this page shows {drawn}: "
        "nothing was changed. Open the flags page anew to go on."
    )
