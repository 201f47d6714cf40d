"""Signing in and out: the audit rows, and what a throttled sign-in is told.

django-axes counts failed sign-ins by name and address together, so that nobody can lock a person
out from elsewhere. These are receivers of its signals and of Django's auth signals.
"""

from datetime import timedelta
from ipaddress import IPv6Network
from typing import Any

from axes.models import AccessAttempt
from axes.signals import user_locked_out
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import sessions
from accounts.http import client_address, refuse, request_context
from accounts.models import User
from accounts.spans import span
from audit.actor import Actor, Channel
from audit.services import audited, record


def connect() -> None:
    """Listen. Called once, when the app is ready."""
    user_logged_in.connect(signed_in, dispatch_uid="accounts.signed_in")
    user_logged_out.connect(signed_out, dispatch_uid="accounts.signed_out")
    user_login_failed.connect(sign_in_failed, dispatch_uid="accounts.sign_in_failed")
    user_locked_out.connect(locked_out, dispatch_uid="accounts.locked_out")


def signed_in(sender: Any, request: Any, user: User, **kwargs: Any) -> None:
    """Start the operator's session under a new key; an earlier one of this browser is over."""
    earlier = getattr(request, "operator_session", None)
    if earlier is not None:
        sessions.end(earlier)
    row = sessions.start(request.session, user, timezone.now())
    request.operator_session, request.elevated_until = row, None
    _record(request, "signed_in", user)


def signed_out(sender: Any, request: Any, user: User | None, **kwargs: Any) -> None:
    row = getattr(request, "operator_session", None)
    if user is None or row is None:
        return
    sessions.end(row)
    _record(request, "signed_out", user)


def sign_in_failed(
    sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any
) -> None:
    """A failed sign-in; not those during a lock, of which there may be any number."""
    if request is None or getattr(request, "axes_locked_out", False):
        return
    _record(request, "sign_in_failed", _named(credentials.get("username")))


def locked_out(sender: Any, request: Any, username: str | None, **kwargs: Any) -> None:
    """The failure that locks. axes sends this for each try during the lock, too."""
    if request.axes_failures_since_start is not None:
        _record(request, "sign_in_locked", _named(username))


class SignInForm(AdminAuthenticationForm):
    """Django's own; who has the password but may not come in has failed to sign in, too."""

    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": "Name or password is not correct. Both know capitals from small letters.",
    }

    def confirm_login_allowed(self, user: Any) -> None:
        try:
            super().confirm_login_allowed(user)
        except ValidationError:
            credentials = {"username": user.get_username()}
            user_login_failed.send(sender=__name__, credentials=credentials, request=self.request)
            raise


def throttled_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The name that a failed sign-in is counted under.

    One that is no operator's may be a password typed in the wrong field: it is kept as a digest.
    """
    name = (credentials or {}).get("username") or request.POST.get("username", "")
    if _named(name):
        return str(name)
    return f"unknown {salted_hmac('accounts.throttled_name', name).hexdigest()}"


def throttled_address(request: HttpRequest) -> str | None:
    """The address that a failed sign-in is counted under: of IPv6 the /64, one client."""
    address = client_address(request)
    if address is None or ":" not in address:
        return address
    return str(IPv6Network((address, 64), strict=False).network_address)


def throttled_answer(
    request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any] | None
) -> HttpResponse:
    """429: the page that a locked sign-in gets instead of its answer."""
    last = AccessAttempt.objects.filter(
        username=throttled_name(request, credentials), ip_address=throttled_address(request)
    )
    since = last.order_by("-attempt_time").values_list("attempt_time", flat=True).first()
    now = timezone.now()
    left = settings.AXES_COOLOFF_TIME - (now - (since or now))
    wait = max(1, -(-left // timedelta(seconds=1)))
    refusal = refuse(
        request,
        429,
        f"Too many failed sign-ins with this name from this address: wait {span(wait)}. "
        "Signing in from another address is not held up by this.",
    )
    refusal["Retry-After"] = str(wait)
    return refusal


def _named(name: str | None) -> User | None:
    """The operator of that name. A name that is none may be a password typed in the wrong field:
    it is kept nowhere in the log."""
    known = name and "\0" not in name
    return User.objects.filter(username=name).first() if known else None


def _record(request: Any, what: str, operator: User | None) -> None:
    if not hasattr(request, "request_id"):
        # Made by no visitor: Django's test client, or a shell.
        return
    name = operator.get_username() if operator else ""
    # A password that is asked for again fails somebody who is signed in.
    who = operator if what in ("signed_in", "signed_out") else request.actor.user
    label = who.get_username() if who else "anonymous"
    actor = Actor(Channel.CONSOLE, label, who, context=request_context(request))
    with audited():
        record(
            actor,
            f"console.operator.{what}",
            target_type="operator",
            target_id=name or "(unknown name)",
            payload={"operator": name or None},
        )
