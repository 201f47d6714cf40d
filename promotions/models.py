"""Promotions: the way of one value from staging to prod (runbook section 3)."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from flags.declarations import MAX_KEY_LENGTH

MAX_REASON_LENGTH = 1000
"""At most so many characters of the reason that somebody gives for a rejection."""


class State(models.TextChoices):
    """pending → approved → promoted; or rejected, or expired."""

    PENDING = "pending", "pending"
    APPROVED = "approved", "approved"
    PROMOTED = "promoted", "promoted"
    REJECTED = "rejected", "rejected"
    EXPIRED = "expired", "expired"


OPEN = (State.PENDING, State.APPROVED)


class PromotionQuerySet(models.QuerySet["Promotion"]):
    def open(self) -> "PromotionQuerySet":
        """Those that can still be promoted, or end otherwise."""
        return self.filter(state__in=OPEN)


def _someone() -> models.ForeignKey:
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )


class Promotion(models.Model):
    """One value of one flag on its way to prod. Written by the promotions' services alone.

    `staging_change_id` is the version of staging's row that soaks; `prod_change_id` the version
    that the promotion gave prod's row. `four_eyes` is decided by the setting when it is marked.
    `rejected_by` is null where the system rejected it; `reason` says why it was rejected.
    """

    flag_key = models.CharField("flag", max_length=MAX_KEY_LENGTH)
    value = models.BooleanField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    four_eyes = models.BooleanField()
    marked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    marked_at = models.DateTimeField()
    soak_ends_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    staging_change_id = models.UUIDField()
    approved_by = _someone()
    approved_at = models.DateTimeField(null=True)
    promoted_by = _someone()
    promoted_at = models.DateTimeField(null=True)
    prod_change_id = models.UUIDField(null=True, unique=True)
    rejected_by = _someone()
    rejected_at = models.DateTimeField(null=True)
    expired_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True, default="")

    objects = PromotionQuerySet.as_manager()

    class Meta:
        db_table = "console_flag_promotions"
        default_permissions = ("view",)
        permissions = [
            (f"{verb}_promotion", f"Can {verb} promotions")
            for verb in ("mark", "approve", "promote", "reject")
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["flag_key"], condition=Q(state__in=OPEN), name="one_open_promotion_per_flag"
            ),
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="promotion_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(four_eyes=False) | Q(approved_by=None) | ~Q(approved_by=F("marked_by")),
                name="promotion_has_four_eyes",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.PENDING) | Q(approved_by=None, approved_at=None),
                name="pending_promotion_is_unapproved",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=(State.APPROVED, State.PROMOTED))
                | Q(approved_by__isnull=False, approved_at__isnull=False),
                name="promotion_has_an_approver",
            ),
            models.CheckConstraint(
                condition=Q(promoted_by=None, promoted_at=None, prod_change_id=None)
                & ~Q(state=State.PROMOTED)
                | Q(
                    state=State.PROMOTED,
                    promoted_by__isnull=False,
                    promoted_at__isnull=False,
                    promoted_at__gte=F("soak_ends_at"),
                    prod_change_id__isnull=False,
                ),
                name="promotion_was_soaked",
            ),
            models.CheckConstraint(
                condition=Q(rejected_at=None, rejected_by=None, reason="")
                & ~Q(state=State.REJECTED)
                | Q(state=State.REJECTED, rejected_at__isnull=False) & ~Q(reason=""),
                name="promotion_rejected_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(expired_at=None) & ~Q(state=State.EXPIRED)
                | Q(state=State.EXPIRED, expired_at__isnull=False),
                name="promotion_expired_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(soak_ends_at__gte=F("marked_at"), expires_at__gte=F("soak_ends_at")),
                name="promotion_times_are_in_order",
            ),
        ]
        indexes = [models.Index(fields=["flag_key", "-id"], name="promotions_of_flag")]

    def __str__(self) -> str:
        return f"promotion {self.pk}: {self.flag_key} {'on' if self.value else 'off'}, {self.state}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    def soak_left(self, now: datetime) -> timedelta:
        """How long the value must still hold on staging; zero once the soak is over."""
        return max(self.soak_ends_at - now, timedelta(0))

    def has_lapsed(self, now: datetime) -> bool:
        """Whether it is open and its time to be promoted is over."""
        return self.is_open and now >= self.expires_at
