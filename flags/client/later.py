"""How long a `Retry-After` asks to wait. Plain Python."""

import email.utils
import time
from datetime import UTC, datetime

MOST_SECONDS = 300.0
"""Whatever a console asks, no more of it counts. Whoever waits adds a little, at random."""


def retry_after(text: str | None) -> float:
    """Seconds, 0 to MOST_SECONDS: of whole seconds, of an HTTP date, and of the ISO 8601 time that
    OFREP's document has. 0 for anything else."""
    text = (text or "").strip()
    if text.isdecimal() and text.isascii():
        return min(float(text), MOST_SECONDS) if len(text) < 10 else MOST_SECONDS
    at = _moment(text)
    return 0.0 if at is None else min(max(0.0, at.timestamp() - time.time()), MOST_SECONDS)


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        try:
            at = email.utils.parsedate_to_datetime(text)
        except ValueError:
            return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
