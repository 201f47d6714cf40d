"""What every page's template knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone


def environment(request: HttpRequest) -> dict[str, Any]:
    """The header: the active environment, those that can be chosen, and the elevation."""
    until = getattr(request, "elevated_until", None)
    return {
        "active_env": getattr(request, "active_env", settings.CONSOLE_ENV),
        "console_environments": settings.CONSOLE_ENVIRONMENTS,
        "deployment_env": settings.CONSOLE_ENV,
        # Read once the user was: the session's elevation comes with it.
        "elevated_until": until,
        "elevated_seconds": max(0, int((until - timezone.now()).total_seconds())) if until else 0,
        # Where a switch of the environment brings back to: never a POST's address.
        "this_page": request.get_full_path() if request.method == "GET" else "",
    }
