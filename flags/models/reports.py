"""Reported config vars (runbook section 8). `flags.heroku.reports` alone gives values."""

from django.db import models
from django.db.models import Q

from flags import config_vars
from flags.declarations import MAX_KEY_LENGTH
from flags.models.envs import Env


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
