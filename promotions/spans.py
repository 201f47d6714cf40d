"""How long something still takes, in words short enough for a table."""

from datetime import timedelta

# With the least number of each: "36 h" is read faster than "1 d 12 h".
_UNITS = ((86400, "d", 2), (3600, "h", 1), (60, "min", 1), (1, "s", 1))


def brief(time: timedelta) -> str:
    """A span in its two largest units, rounded up: "6 h 12 min", "2 d 3 h", "40 s"."""
    seconds = max(0, -int(-time.total_seconds() // 1))
    if seconds >= 60:
        # Whole minutes from here, so that "60 min" is an hour.
        seconds = -(-seconds // 60) * 60
    parts: list[tuple[int, str]] = []
    for size, unit, least in _UNITS:
        count = seconds // size if seconds >= size * least else 0
        seconds -= count * size
        if count or parts:
            parts.append((count, unit))
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count) or "0 s"
