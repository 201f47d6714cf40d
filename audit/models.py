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
    """Someone tried to add, change or remove a row around `audit.services`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(
            "audit rows are never changed and never deleted, and record() alone adds them"
        )


def _refused(*args: Any, **kwargs: Any) -> NoReturn:
    raise AppendOnly


class AppendOnlyQuerySet(models.QuerySet):
    """Reads. The triggers refuse what walks around this."""

    update = bulk_update = delete = bulk_create = _refused


class AppendOnlyModel(models.Model):
    """A row that is read through the ORM; `append` is for the one writer of its table."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    save = delete = _refused

    def append(self) -> None:
        super().save(force_insert=True)


class AuditEntry(AppendOnlyModel):
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

    class Meta:
        db_table = "console_audit_log"
        default_permissions = ("view",)
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        indexes = [
            # The latest of one flag, for triggers and histories. All others are for the page, and
            # the one by channel for the sealer too: without it each flip reads the whole log.
            models.Index(fields=["target_type", "target_id", "-id"], name="audit_target"),
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


class AuditLink(AppendOnlyModel):
    """The link of one audit row in the chain. Written by `audit.chain` alone.

    `row_hash` is an HMAC over `prev_hash` and the row, both as 64 hexadecimal digits; `key_id` says
    with which key. No foreign key: a link outlives its row, and so tells that the row is gone.
    """

    # Numbered by the sealer, from 1 and without gaps; an auto field, because on SQLite it is the
    # row's real key then: INSERT OR REPLACE knows no other.
    seq = models.BigAutoField(primary_key=True)
    audit_id = models.BigIntegerField(unique=True)
    prev_hash = models.CharField(max_length=64, unique=True)
    row_hash = models.CharField(max_length=64)
    key_id = models.CharField(max_length=16)

    class Meta:
        db_table = "console_audit_chain"
        default_permissions = ()

    def __str__(self) -> str:
        return f"link {self.seq} of audit row {self.audit_id}"
