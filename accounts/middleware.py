"""Who is signed in: `request.user`, as far as the session's own limits let it be."""

import functools
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth import get_user
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts import sessions
from accounts.models import User


class OperatorAuthenticationMiddleware(AuthenticationMiddleware):
    """Django's own, and a session must be one of this deployment and within its limits.

    Also sets `request.operator_session` and `request.elevated_until`, once the user is asked for.
    """

    def process_request(self, request: Any) -> None:
        super().process_request(request)
        request.operator_session = request.elevated_until = None
        request.user = SimpleLazyObject(functools.partial(_operator_of, request))
        request.auser = functools.partial(_auser, request)


async def _auser(request: Any) -> Any:
    return await sync_to_async(getattr)(request, "user")


def _operator_of(request: Any) -> User | AnonymousUser:
    user = get_user(request)
    if not isinstance(user, User):
        return AnonymousUser()
    now = timezone.now()
    row = sessions.find(request.session, user)
    reason = sessions.limit_reached(row, now) if row else "it was ended elsewhere"
    if row is None or reason:
        with sessions.if_it_takes_changes():
            if row is not None:
                sessions.end(row)
            request.session.flush()
        if request.session.session_key is not None:
            # It could not be ended: to save it would be no less of a change.
            request.session.modified = False
        said = f"Your session is over: {reason}. Sign in again."
        messages.warning(request, said, fail_silently=True)
        return AnonymousUser()
    sessions.touch(row, now)
    request.operator_session = row
    request.elevated_until = row.elevated_until(user, now)
    return user
