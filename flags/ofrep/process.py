"""What each process keeps of tokens and of those who ask; a fork's child goes on with a copy."""

import os

from flags.ofrep.limits import Buckets
from flags.ofrep.live import LiveTokens

live_tokens = LiveTokens()
uses = Buckets()
"""By token: OFREP_REQUESTS_PER_MINUTE."""
refusals = Buckets()
"""By address: REFUSALS_PER_MINUTE."""
refusals_logged = Buckets()
"""By token and status: one line in the log a minute."""


def _after_fork_in_child() -> None:
    for kept in (live_tokens, uses, refusals, refusals_logged):
        kept.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
