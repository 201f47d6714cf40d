"""Flips without a proof (runbook section 5)."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from flags.declarations import MAX_KEY_LENGTH
from flags.models.envs import Env

MAX_INCIDENT_LENGTH = 200


class BreakGlass(models.Model):
    """A flip that was made without a proof, in an emergency, by whoever had the shell.

    `claimed_by` is the operator whom the command named: nobody proved to be that person. It warns
    on the flags page until a superadmin acknowledges it. Written by `flags.break_glass` alone.
    """

    flag_key = models.CharField(max_length=MAX_KEY_LENGTH)
    env = models.CharField(max_length=16, choices=Env.choices)
    value = models.BooleanField()
    change_id = models.UUIDField(unique=True)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    incident = models.CharField(max_length=MAX_INCIDENT_LENGTH)
    at = models.DateTimeField()
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "console_break_glass"
        default_permissions = ()
        permissions = [("acknowledge_breakglass", "Can acknowledge break-glass flips")]
        constraints = [
            models.CheckConstraint(condition=~Q(incident=""), name="break_glass_has_an_incident"),
        ]
        indexes = [
            models.Index(
                fields=["at"],
                condition=Q(acknowledged_at=None),
                name="break_glass_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"break-glass: {self.flag_key} in {self.env}, {self.incident}"
