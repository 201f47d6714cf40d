"""Checkpoints: how long the chain was and where it ended, signed.

Held outside the database, a checkpoint is what exposes a chain whose end was cut off: without one,
a shorter chain is as good as a longer one.
"""

import hmac
import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from audit import keys
from audit.chain import Head

logger = logging.getLogger(__name__)
_UNSIGNED = ("size", "head", "time", "key_id")


class NotACheckpoint(ValueError):
    """A text that claims to be a checkpoint and is none of ours."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`size` links ended in `head` at `time` (ISO 8601, UTC); `hmac` says that we said so."""

    size: int
    head: str
    time: str
    key_id: str
    hmac: str

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def make(head: Head, now: datetime | None = None) -> Checkpoint:
    """A signed checkpoint of this head."""
    key_id, key = keys.signing_key()
    said: dict[str, Any] = {
        "size": head.size,
        "head": head.row_hash,
        "time": (now or timezone.now()).isoformat(timespec="seconds"),
        "key_id": key_id,
    }
    return Checkpoint(**said, hmac=_sign(key, said))


def log(head: Head) -> None:
    """Write a checkpoint of this head to the log, which leaves this machine."""
    checkpoint = make(head)
    logger.info("audit checkpoint: %d rows", head.size, extra={"checkpoint": asdict(checkpoint)})


def read(lines: Iterable[str]) -> list[Checkpoint]:
    """The checkpoints among these lines: of `audit_checkpoint`, or of the console's own log.

    Raises NotACheckpoint for one that none of our keys has signed.
    """
    return [_checked(said) for line in lines if (said := _said(line)) is not None]


def _said(line: str) -> dict[str, Any] | None:
    """The checkpoint's object in a line; a router may have put its own words before it."""
    start = line.find("{")
    try:
        found = json.loads(line[start:]) if start >= 0 else None
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    said = found.get("checkpoint", found)
    return said if isinstance(said, dict) and "head" in said and "hmac" in said else None


def _checked(said: dict[str, Any]) -> Checkpoint:
    try:
        checkpoint = Checkpoint(**said)
        key = keys.known_keys()[checkpoint.key_id]
        unsigned = {name: said[name] for name in _UNSIGNED}
        if not hmac.compare_digest(_sign(key, unsigned), checkpoint.hmac):
            raise NotACheckpoint(f"The checkpoint of {checkpoint.time} is not signed by its key.")
    except KeyError as error:
        raise NotACheckpoint(f"A checkpoint was signed by an unknown key: {error}.") from error
    except TypeError as error:
        raise NotACheckpoint("A checkpoint has not the fields of one.") from error
    return checkpoint


def _sign(key: bytes, said: dict[str, Any]) -> str:
    # The word keeps it apart from what links are made of.
    text = json.dumps([said[name] for name in _UNSIGNED])
    return hmac.digest(key, f"checkpoint {text}".encode(), "sha256").hex()
