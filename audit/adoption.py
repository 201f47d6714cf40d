"""Rows of a release that knew no chain, taken into it by a person who vouches for them."""

from audit import sealing
from audit.actor import Actor
from audit.services import audited, record


class NothingToAdopt(Exception):
    """All rows up to there have their links."""


def adopt(through: int, *, actor: Actor, reason: str) -> int:
    """Seal the rows up to the id `through` that have no link; how many there were. Audited.

    Raises NothingToAdopt.
    """
    with audited():
        count = sealing.adopt(through)
        if not count:
            raise NothingToAdopt(f"No row up to {through} is without a link.")
        record(
            actor,
            "console.audit.adopted",
            target_type="audit_log",
            target_id=str(through),
            payload={"rows": count, "through": through},
            context={"reason": reason},
        )
    return count
