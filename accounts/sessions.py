"""Sessions: their limits, their end, and elevation, which belongs to one session.

A session lives as long as its OperatorSession row. Each change is one UPDATE or DELETE of that row,
so of a sign-out and a rotation at the same moment one wins and the other one knows.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import Error as DBError
from django.db import transaction
from django.utils import timezone

from accounts.models import OperatorSession, User
from accounts.proofs import Proof
from accounts.spans import span
from audit.failures import Failure, failure_of

# More often would be a write for every request, and the limit is counted in minutes.
TOUCH_EVERY = timedelta(minutes=1)


class SessionEnded(Exception):
    """The session was signed out, or ended otherwise, since this request began."""


def start(session: SessionBase, user: User, now: datetime) -> OperatorSession:
    """Make `session`, into which `user` signs in, a session of this deployment, under a new key."""
    OperatorSession.objects.filter(key_hash=_hash(session)).delete()
    # Those that nobody signed out of.
    oldest = now - timedelta(seconds=settings.SESSION_MAX_SECONDS)
    OperatorSession.objects.filter(user=user, started_at__lt=oldest).delete()
    session.cycle_key()
    return OperatorSession.objects.create(
        key_hash=_hash(session),
        user=user,
        env=settings.CONSOLE_ENV,
        started_at=now,
        last_seen_at=now,
    )


def find(session: SessionBase, user: User) -> OperatorSession | None:
    """The row of this person's session in this deployment, over its limits or not."""
    return OperatorSession.objects.filter(
        key_hash=_hash(session), user=user, env=settings.CONSOLE_ENV
    ).first()


def limit_reached(row: OperatorSession, now: datetime) -> str:
    """Why the session is over, as a sentence's end; "" while it is not."""
    if now - row.started_at > timedelta(seconds=settings.SESSION_MAX_SECONDS):
        return f"it was {span(settings.SESSION_MAX_SECONDS)} old"
    if now - row.last_seen_at > timedelta(seconds=settings.SESSION_IDLE_SECONDS):
        return f"it was not used for {span(settings.SESSION_IDLE_SECONDS)}"
    return ""


def touch(row: OperatorSession, now: datetime) -> None:
    """Note that the session is in use, at most once a minute."""
    if now - row.last_seen_at > TOUCH_EVERY:
        with if_it_takes_changes():
            OperatorSession.objects.filter(pk=row.pk, last_seen_at__lt=now).update(last_seen_at=now)


@contextmanager
def if_it_takes_changes() -> Iterator[None]:
    """For notes that are not worth a page: a read-only database is read without them."""
    try:
        yield
    except DBError as error:
        if failure_of(error) is not Failure.READ_ONLY:
            raise


def rotate(session: SessionBase, row: OperatorSession, **changes: Any) -> None:
    """Give the session a new key, and its row these changes; the old key is worth nothing from now.

    Raises SessionEnded.
    """
    with transaction.atomic():
        before = _hash(session)
        session.cycle_key()
        moved = OperatorSession.objects.filter(pk=row.pk, key_hash=before).update(
            key_hash=_hash(session), **changes
        )
        if not moved:
            raise SessionEnded


def end(row: OperatorSession) -> None:
    """End the session, whatever key it has by now."""
    OperatorSession.objects.filter(pk=row.pk).delete()


def others(row: OperatorSession) -> int:
    """How many other sessions the person of this one has that are within their limits."""
    now = timezone.now()
    rows = OperatorSession.objects.filter(user_id=row.user_id).exclude(pk=row.pk)
    return sum(not limit_reached(other, now) for other in rows)


def end_all(user: User, *, but: OperatorSession | None = None) -> int:
    """End all sessions of `user`, in every deployment. Returns how many there were."""
    rows = OperatorSession.objects.filter(user=user)
    if but is not None:
        rows = rows.exclude(pk=but.pk)
    ended, _ = rows.delete()
    return ended


def elevate(
    session: SessionBase, row: OperatorSession, user: User, proof: Proof, now: datetime
) -> None:
    """Rotate the session's key and bind the proof to it. Raises SessionEnded."""
    rotate(
        session,
        row,
        elevated_at=now,
        elevated_roles=",".join(user.roles),
        device=proof.device,
        recovery_code=proof.recovery_code,
    )


def is_elevated(pk: int, user: User, now: datetime) -> bool:
    """Whether the session of this key, which is `user`'s, is there and elevated now."""
    row = OperatorSession.objects.filter(pk=pk, user=user).first()
    return row is not None and row.elevated_until(user, now) is not None


def drop_elevation(session: SessionBase, row: OperatorSession) -> None:
    """Drop the elevation and rotate the session's key. Raises SessionEnded."""
    rotate(session, row, **_NOT_ELEVATED)


def drop_elevations(user: User) -> None:
    """Drop every elevation of `user`, in all sessions."""
    OperatorSession.objects.filter(user=user).update(**_NOT_ELEVATED)


_NOT_ELEVATED: dict[str, Any] = {
    "elevated_at": None,
    "elevated_roles": "",
    "device": None,
    "recovery_code": None,
}


def _hash(session: SessionBase) -> str:
    return hashlib.sha256((session.session_key or "").encode()).hexdigest()
