"""A writer of the soak tests: one random change after the other, by `flip()` or by raw SQL."""

import random
from typing import Any

import django.db

from tests.soak import raw_changes

KEYS = ("console_billing", "console_customer_notes", "email_digest_weekly")
ENVS = ("prod", "staging")
ROLLED_BACK = 0.3
Errors = (django.db.Error, *raw_changes.Errors)
"""What a writer may meet while its database goes down, and at no other time."""


class _Undone(Exception):
    """The end of a transaction that is not to be kept."""


class Writer:
    """Half of its changes are flips; three in ten of all are rolled back."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._raw: raw_changes.RawWriter | None = None

    def change(self) -> dict[str, Any]:
        """Try one change. `outcome` is "changed" (then `change` is its change_id), "nothing" (there
        was none to make, or it was rolled back), or "moved": someone else was first."""
        key, env = self._random.choice(KEYS), self._random.choice(ENVS)
        keep = self._random.random() >= ROLLED_BACK
        if self._random.random() < 0.5:
            return _by_flip(key, env, keep)
        if self._raw is None:
            self._raw = raw_changes.RawWriter(self._random)
        change = self._raw.change(key, env, keep=keep)
        return {"outcome": "changed" if change else "nothing", "by": "raw", "change": change}

    def reconnect(self) -> None:
        """After an error: the connections may be broken."""
        django.db.connections.close_all()
        if self._raw:
            self._raw.close()
            self._raw = None


def _by_flip(key: str, env: str, keep: bool) -> dict[str, Any]:
    from flags.refusals import StateMoved
    from flags.services import flip
    from flags.state import read_state
    from tests.processes.flipping import ACTOR

    state = read_state(key, env)
    try:
        if keep:
            done = flip(key, env, not state.value, actor=ACTOR, seen=state.seen)
        else:
            with django.db.transaction.atomic():
                flip(key, env, not state.value, actor=ACTOR, seen=state.seen)
                raise _Undone
    except _Undone:
        return {"outcome": "nothing"}
    except StateMoved:
        return {"outcome": "moved"}
    if done.outcome == "already":
        return {"outcome": "nothing"}
    return {"outcome": "changed", "by": "flip", "change": done.state.row.change_id.hex}
