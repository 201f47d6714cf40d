"""Tags of the flags page."""

from typing import Any

from django import template
from django.contrib.admin.templatetags.admin_list import result_headers

from flags.heroku.table import said
from flags.listing import FlagChangeList

register = template.Library()
register.filter("config_var_value", said)


@register.inclusion_tag("flags/_flag_table.html")
def flag_table(cl: FlagChangeList) -> dict[str, Any]:
    """The results table: stock headers, and `_flag_row.html` as each whole row.

    `list_display` cannot put attributes on a `<tr>`.
    """
    return {"headers": list(result_headers(cl)), "rows": cl.rows, "columns": len(cl.list_display)}
