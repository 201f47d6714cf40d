"""The append-only log (runbook section 4)."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from audit.actor import Channel
from audit.json_text import JsonText

PAYLOAD_ENV = JsonText("payload", "env")
INCIDENT = JsonText("context", "incident")
REQUEST_ID = JsonText("context", "request_id")
# The order of the page. Every index ends with it, so that whatever is filtered by, the newest rows
# are read off the index: nothing is sorted, however long the log.
_PAGE_ORDER = (models.F("created_at").desc(), models.F("id").desc())


class AppendOnly(Exception):
    """Someone tried to change or to remove an audit row through the ORM."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("audit rows are never changed and never deleted")


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class AuditEntry(models.Model):
    """One act. Written by `audit.services.record` alone."""

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    admin = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    actor = models.CharField(max_length=200)
    channel = models.CharField(max_length=16, choices=Channel.choices)
    action = models.CharField(max_length=64)
    target_type = models.CharField(max_length=32)
    target_id = models.CharField(max_length=200)
    payload = models.JSONField()
    context = models.JSONField(default=dict)
    change_id = models.UUIDField(null=True, unique=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        db_table = "console_audit_log"
        default_permissions = ("view",)
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(*_PAGE_ORDER, name="audit_by_time"),
            models.Index("action", *_PAGE_ORDER, name="audit_by_action"),
            models.Index("actor", *_PAGE_ORDER, name="audit_by_actor"),
            models.Index("channel", *_PAGE_ORDER, name="audit_by_channel"),
            models.Index("target_id", *_PAGE_ORDER, name="audit_by_target"),
            models.Index(PAYLOAD_ENV, *_PAGE_ORDER, name="audit_by_env"),
            models.Index(INCIDENT, *_PAGE_ORDER, name="audit_by_incident"),
            models.Index(REQUEST_ID, *_PAGE_ORDER, name="audit_by_request"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_id} by {self.actor}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly
