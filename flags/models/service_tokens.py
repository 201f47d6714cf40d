"""What services show to read flags over HTTP. `flags.ofrep.tokens` alone makes and revokes them."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from flags.models.envs import Env

MAX_NAME_LENGTH = 64
MAX_APP_LENGTH = 100


class ServiceToken(models.Model):
    """A service's right to read the flags of one environment.

    The secret is shown once and kept nowhere: `secret_hash` is its SHA-256 in hex (it has 256
    random bits, so a slow hash would add nothing), `hint` its last characters, by which people tell
    one token from another. A revoked token stays: the audit log names it.
    """

    name = models.CharField(max_length=MAX_NAME_LENGTH)
    env = models.CharField(max_length=16, choices=Env.choices)
    app = models.CharField(max_length=MAX_APP_LENGTH)
    secret_hash = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=8)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "console_service_tokens"
        default_permissions = ()
        permissions = [("manage_service_tokens", "Can see, make and revoke service tokens")]
        constraints = [
            models.UniqueConstraint(
                fields=["name", "env"],
                condition=Q(revoked_at=None),
                name="one_live_service_token_per_name_and_env",
            ),
            models.CheckConstraint(
                condition=Q(env__in=Env.values), name="service_token_env_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"service token {self.name} in {self.env}"
