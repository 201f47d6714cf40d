"""How long ago something was, in words short enough for a table."""

from datetime import datetime

from django.utils import timezone

_UNITS = (("d", 86400, 2), ("h", 3600, 2), ("min", 60, 1))


def age(moment: datetime) -> str:
    """Such as "2 s ago", "3 min ago", "119 min ago", "47 h ago", "2 d ago"."""
    seconds = max(0, int((timezone.now() - moment).total_seconds()))
    for unit, size, at_least in _UNITS:
        if seconds >= size * at_least:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
