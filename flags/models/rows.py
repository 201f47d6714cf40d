"""DB rows and declared flags (runbook section 1). `flip()` and `sync_flags` alone give values."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from flags.declarations import MAX_KEY_LENGTH, Declaration, Risk
from flags.models.envs import Env


class FeatureFlag(models.Model):
    """A DB row: the value of one flag in one environment, which `flags.services.flip` alone gives.

    `change_id` is the row's version: a fresh one with every change, and the one of its audit row;
    `flags.reconcile` gives one without a change. Null only in a row from before the triggers.
    """

    flag_key = models.CharField(max_length=MAX_KEY_LENGTH)
    env = models.CharField(max_length=16, choices=Env.choices)
    value = models.SmallIntegerField()
    updated_at = models.DateTimeField(db_default=Now())
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    change_id = models.UUIDField(null=True)

    class Meta:
        db_table = "console_feature_flags"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["flag_key", "env"], name="one_row_per_flag_and_env"),
            models.CheckConstraint(condition=Q(value__in=[0, 1]), name="flag_value_is_0_or_1"),
            models.CheckConstraint(condition=Q(env__in=Env.values), name="flag_env_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.flag_key} in {self.env}: {'on' if self.value else 'off'}"


class DeclaredFlag(models.Model):
    """What an environment's deployment declares; the YAML is canonical. Written by `flags.sync`."""

    flag_key = models.CharField("flag", max_length=MAX_KEY_LENGTH)
    env = models.CharField(max_length=16, choices=Env.choices)
    default_value = models.BooleanField()
    risk = models.CharField(max_length=16, choices=[(risk.value, risk.value) for risk in Risk])
    soak_period_hours = models.FloatField()
    description = models.TextField()
    release = models.CharField(max_length=64, default="-")
    synced_at = models.DateTimeField()

    class Meta:
        db_table = "console_declared_flags"
        verbose_name = "feature flag"
        default_permissions = ("view",)
        permissions = [(f"flip_{risk}", f"Can flip {risk}-risk flags") for risk in Risk]
        constraints = [
            models.UniqueConstraint(
                fields=["flag_key", "env"], name="one_declaration_per_flag_and_env"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.flag_key} in {self.env}"

    @property
    def declaration(self) -> Declaration:
        return Declaration(
            key=self.flag_key,
            default=self.default_value,
            risk=Risk(self.risk),
            soak_period_hours=self.soak_period_hours,
            description=self.description,
        )
