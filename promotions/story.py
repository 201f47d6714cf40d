"""The whole story of one promotion, from the audit log."""

from django.db.models import Q
from django.utils.safestring import SafeString

from audit.models import AuditEntry
from audit.sentences import sentence_html
from promotions.models import Promotion


def story_of(promotion: Promotion) -> list[tuple[AuditEntry, SafeString]]:
    """The audit rows of a promotion, oldest first, each with its sentence.

    They begin with the change that gave staging its value, and have the flip of prod in them.
    """
    own = AuditEntry.objects.filter(
        Q(payload__promotion=promotion.pk) | Q(context__promotion=promotion.pk),
        target_type="feature_flag",
        target_id=promotion.flag_key,
        # The log of one flag may be long: before the mark there is nothing of this promotion.
        created_at__gte=promotion.marked_at,
    )
    ended = promotion.promoted_at or promotion.rejected_at or promotion.expired_at
    if ended:
        own = own.filter(created_at__lte=ended)
    before = AuditEntry.objects.filter(change_id=promotion.staging_change_id)
    entries = {entry.pk: entry for found in (before, own) for entry in found}
    return [(entry, sentence_html(entry)) for _, entry in sorted(entries.items())]
