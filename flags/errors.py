"""What can be wrong with a question about a flag or with a flip. Plain Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flags.state import FlagState


class UndeclaredFlag(LookupError):
    """No entry of the flags YAML file declares this key."""

    def __init__(self, key: str, env: str = "") -> None:
        self.key = key
        where = f" in {env}" if env else ""
        super().__init__(f"{key!r} is not declared{where}: add it to the flags YAML file first.")


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

    def __init__(self, message: str, state: "FlagState") -> None:
        super().__init__(message)
        self.state = state
