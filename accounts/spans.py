"""A span of time in words."""

_UNITS = ((3600, "hour"), (60, "minute"), (1, "second"))


def span(seconds: float) -> str:
    """Such as "12 seconds", "1 minute 5 seconds", "12 hours": whole seconds, rounded up."""
    left, words = -int(-seconds // 1), []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            words.append(f"1 {unit}" if count == 1 else f"{count} {unit}s")
    return " ".join(words) or "0 seconds"
