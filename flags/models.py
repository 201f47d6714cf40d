"""DB rows, declared flags, and reported config vars (runbook sections 1 and 8).

`flip()`, `sync_flags` and `flags.heroku.reports` alone give values.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from flags import config_vars
from flags.declarations import MAX_KEY_LENGTH, Declaration, Risk

MAX_INCIDENT_LENGTH = 200


class Env(models.TextChoices):
    PROD = "prod", "prod"
    STAGING = "staging", "staging"


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


class ConfigVarReport(models.Model):
    """That an app said which ``FLAG_*`` config vars are set in it: first and last time.

    A variable without a row was not set at the last report. `imported` where somebody read it in
    for an app that does not report itself. Written by `flags.heroku.reports` alone.
    """

    app = models.CharField(max_length=100)
    env = models.CharField(max_length=16, choices=Env.choices)
    imported = models.BooleanField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        db_table = "console_config_var_reports"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["app", "env"], name="one_report_per_app_and_env"),
            models.CheckConstraint(condition=Q(env__in=Env.values), name="report_env_is_known"),
        ]

    def __str__(self) -> str:
        return f"config vars of {self.app} in {self.env}"


class ConfigVar(models.Model):
    """One ``FLAG_*`` config var that an app reported, the switch of the DB layer included.

    `value` is None where it is set to no boolean. `first_seen_at` is the report that told of this
    value first. Written by `flags.heroku.reports` alone.
    """

    app = models.CharField(max_length=100)
    env = models.CharField(max_length=16, choices=Env.choices)
    flag_key = models.CharField(max_length=MAX_KEY_LENGTH)
    value = models.BooleanField(null=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "console_config_vars"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["app", "env", "flag_key"], name="one_config_var_per_app_env_and_flag"
            ),
            models.CheckConstraint(condition=Q(env__in=Env.values), name="config_var_env_is_known"),
        ]
        indexes = [models.Index(fields=["flag_key", "env"], name="config_var_by_flag")]

    def __str__(self) -> str:
        return f"{self.name} of {self.app} in {self.env}"

    @property
    def name(self) -> str:
        return config_vars.name_of(self.flag_key)


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
