"""What every page's template knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def environment(request: HttpRequest) -> dict[str, Any]:
    """The banner: the active environment and those that can be chosen."""
    return {
        "active_env": getattr(request, "active_env", settings.CONSOLE_ENV),
        "console_environments": settings.CONSOLE_ENVIRONMENTS,
        "deployment_env": settings.CONSOLE_ENV,
        # Where a switch of the environment brings back to: never a POST's address.
        "this_page": request.get_full_path() if request.method == "GET" else "",
    }
