"""The tables of flags: DB rows, declared flags, reported config vars, break-glass flips, tokens."""

from flags.models.break_glass import MAX_INCIDENT_LENGTH, BreakGlass
from flags.models.envs import Env
from flags.models.reports import ConfigVar, ConfigVarReport
from flags.models.rows import DeclaredFlag, FeatureFlag
from flags.models.service_tokens import ServiceToken

__all__ = [
    "MAX_INCIDENT_LENGTH",
    "BreakGlass",
    "ConfigVar",
    "ConfigVarReport",
    "DeclaredFlag",
    "Env",
    "FeatureFlag",
    "ServiceToken",
]
