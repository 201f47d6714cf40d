"""Flips as application code makes them, for the processes of the tests."""

import flags
from audit.actor import Actor, Channel
from flags import services
from flags.state import read_state

ACTOR = Actor(Channel.CLI, "a test")


def flip(key: str, value: bool) -> str:
    """Flip `key` in staging from whatever it is. Returns the outcome."""
    seen = read_state(key, "staging").seen
    return services.flip(key, "staging", value, actor=ACTOR, seen=seen).outcome


def flip_and_read(key: str, value: bool) -> bool:
    """What the very next `is_on()` says."""
    flip(key, value)
    return flags.is_on(key)
