"""Tags of the audit page."""

from typing import Any

from django import template

from audit.activity import COUNTED, HEIGHT, STEP, Activity
from audit.listing import AuditChangeList

register = template.Library()


@register.inclusion_tag("audit/_activity.html")
def audit_activity(cl: AuditChangeList) -> dict[str, Any]:
    """The picture of the days, each with the query that shows that day alone."""
    shown = cl.activity
    days = [
        (bar, cl.get_query_string({"since": bar.day.isoformat(), "until": bar.day.isoformat()}))
        for bar in shown.bars
    ]
    return {
        "days": days,
        "width": shown.width,
        "height": HEIGHT,
        "step": STEP,
        "total": shown.total,
        "words": _words(shown),
        "first": shown.bars[0].day,
        "last": shown.bars[-1].day,
    }


def _words(shown: Activity) -> str:
    first, last = shown.bars[0].day, shown.bars[-1].day
    days = f"from {first:%-d %b %Y} to {last:%-d %b %Y}"
    if not shown.total:
        return f"No entries {days}."
    if shown.cut:
        return (
            f"More than {COUNTED:,} entries {days}: only the newest {COUNTED:,} are counted, "
            f"{shown.cut:%-d %b} in part, and no day before it."
        )
    most = shown.busiest
    many = "entry" if shown.total == 1 else "entries"
    return f"{shown.total:,} {many} {days}; most on {most.day:%-d %b}: {most.number:,}."
