"""Operators, their sessions, and the proofs that elevate them (runbook section 5)."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar, NoReturn

from django.conf import settings
from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import ProtectedError
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.roles import Role


class NeverDeleted(ProtectedError):
    """Someone tried to delete operators."""

    def __init__(self, operators: Iterable["User"] = ()) -> None:
        message = "operators are deactivated, never deleted: the audit log names them"
        super().__init__(message, set(operators))


class OperatorQuerySet(models.QuerySet["User"]):
    def delete(self) -> NoReturn:
        raise NeverDeleted(self)


class OperatorManager(UserManager["User"]):
    def get_queryset(self) -> OperatorQuerySet:
        return OperatorQuerySet(self.model, using=self._db)

    def hold(self, user: "User") -> None:
        """Let nobody else change this person's proofs until the transaction ends.

        Taken before the rows of devices, codes and sessions, so that no two acts wait for each
        other. (SQLite has one writer at a time anyway.)
        """
        self.select_for_update(no_key=True).get(pk=user.pk)


class User(AbstractUser):
    """An operator. Deactivated when they leave, never deleted: the audit log names them."""

    objects: ClassVar[OperatorManager] = OperatorManager()

    class Meta(AbstractUser.Meta):
        permissions = [("manage_operators", "Can change roles, deactivate and end sessions")]
        verbose_name = "operator"
        verbose_name_plural = "operators"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NeverDeleted([self])

    @property
    def roles(self) -> tuple[str, ...]:
        """The names of the person's roles, in the order of `Role`; one, if all is well."""
        names = {group.name for group in self.groups.all()}
        return tuple(role.value for role in Role if role.value in names)


class RecoveryCode(models.Model):
    """A one-time code in place of a TOTP code. `digest` is all that is kept of it.

    80 random bits each: a plain hash cannot be searched for them, and needs no salt to be slow.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes"
    )
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once_a_person")
        ]

    def __str__(self) -> str:
        return f"a recovery code of {self.user}"

    @staticmethod
    def digest_of(code: str) -> str:
        """The digest of a code as typed: case, dashes and blanks do not matter."""
        plain = "".join(code.split()).replace("-", "").upper()
        return hashlib.sha256(plain.encode(errors="replace")).hexdigest()


class OperatorSession(models.Model):
    """A person's session as the console knows it, beside the one that Django keeps.

    Its row is the session's life: without one the session is signed out, whatever it holds. It is
    written field by field, so that no request in flight can write back what another one ended.
    `key_hash` is the SHA-256 of the session key: whoever reads this table can use no session.

    The elevation is a part of it: a fresh proof by one device or recovery code, good for
    ELEVATION_SECONDS from `elevated_at`, absolute, and only while the person has the very roles of
    that moment. It goes with the device that gave it.
    """

    key_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="operator_sessions"
    )
    env = models.CharField(max_length=16)
    started_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    elevated_at = models.DateTimeField(null=True)
    elevated_roles = models.CharField(max_length=100, default="")
    device = models.ForeignKey(TOTPDevice, on_delete=models.SET_NULL, null=True, related_name="+")
    recovery_code = models.ForeignKey(
        RecoveryCode, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user} on {self.env} since {self.started_at:%Y-%m-%d %H:%M}"

    def elevated_until(self, user: User, now: datetime) -> datetime | None:
        """When the elevation of this session, which is `user`'s, ends; None where none holds."""
        if self.elevated_at is None or (self.device_id is None and self.recovery_code_id is None):
            return None
        until = self.elevated_at + timedelta(seconds=settings.ELEVATION_SECONDS)
        holds = self.elevated_at <= now < until and self.elevated_roles == ",".join(user.roles)
        return until if holds else None
