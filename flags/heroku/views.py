"""The page of config vars: thin, the rules are in `deprecation`."""

from django.http import HttpResponse
from django.utils import timezone

from accounts.http import ConsoleRequest, operator_view, render_page
from flags import policy
from flags.heroku.table import read_table


@operator_view(methods=("GET",), permission=policy.VIEW)
def config_vars(request: ConsoleRequest) -> HttpResponse:
    """GET /console/config-vars: every reported config var, and how far it is on its way out.

    Not behind the self-gate: the way to see why the flag pages are closed.
    """
    context = {"title": "Config vars", "table": read_table(timezone.now())}
    return render_page(request, "flags/config_vars.html", context)
