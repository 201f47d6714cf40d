"""Who may see last known values while nobody can be authenticated.

Sessions live in the database. So whoever is signed in and may see the flags carries a signed cookie
that says so, for as long as an unused session would last. It opens nothing but the page of an
outage: values that its bearer saw before.
"""

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core import signing
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from flags import policy

RENEW_SECONDS = 300
_SALT = "raxxconsole.outage_pass"


def bearer(request: HttpRequest) -> str:
    """The name of the operator who carries a good pass; "" for anyone else. Asks no database."""
    return _read(request, int(settings.SESSION_IDLE_SECONDS))


def carry(request: HttpRequest, response: HttpResponse, user: User | AnonymousUser) -> None:
    """Have the browser carry a pass with this answer, or give it back, as becomes the visitor."""
    if not user.is_authenticated:
        _take_back(request, response)
        return
    is_page = request.method == "GET" and response.status_code == 200
    if not is_page or _read(request, RENEW_SECONDS) == user.get_username():
        return
    if not user.has_perm(policy.VIEW):
        _take_back(request, response)
        return
    response.set_cookie(
        settings.OUTAGE_COOKIE_NAME,
        signing.dumps(user.get_username(), salt=_SALT),
        max_age=int(settings.SESSION_IDLE_SECONDS),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _read(request: HttpRequest, max_age: int) -> str:
    text = request.COOKIES.get(settings.OUTAGE_COOKIE_NAME, "")
    try:
        return str(signing.loads(text, salt=_SALT, max_age=max_age))
    except signing.BadSignature:
        return ""


def _take_back(request: HttpRequest, response: HttpResponse) -> None:
    if settings.OUTAGE_COOKIE_NAME in request.COOKIES:
        response.delete_cookie(settings.OUTAGE_COOKIE_NAME, samesite="Lax")
