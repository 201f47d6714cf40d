"""Tags of the queue's page."""

from typing import Any

from django import template
from django.contrib.admin.templatetags.admin_list import result_headers

from promotions.listing import Queue

register = template.Library()


@register.inclusion_tag("promotions/_promotion_table.html")
def promotion_table(cl: Queue) -> dict[str, Any]:
    """The results table: stock headers, and `_promotion_row.html` as each whole row."""
    is_narrowed = bool(cl.query or cl.has_active_filters)
    return {"headers": list(result_headers(cl)), "shown": cl.shown, "is_narrowed": is_narrowed}
