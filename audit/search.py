"""Search in the log: the exact word through indexes, else a part of it in the newest entries."""

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from audit.models import INCIDENT, REQUEST_ID, AuditEntry

RECENT = 5_000
_SEARCHED = ("target_id", "incident", "request_id", "actor")


@dataclass(frozen=True, slots=True)
class Search:
    """What was searched for, as conditions of which an entry fits one at least; none: no search.

    `is_partial`: nothing fitted exactly, and only the newest RECENT entries were looked through.
    """

    arms: tuple[Q, ...] = ()
    is_partial: bool = False

    def newest(self, entries: QuerySet[AuditEntry], number: int) -> QuerySet[AuditEntry]:
        """The fitting ones of `entries`, in page order: the newest `number`, and maybe some more.

        A database that is asked for rows which fit one or another column reads all that fit and
        sorts them. So it is asked for none that are older than the last row which could count.
        """
        if not self.arms:
            return entries
        entries, arms = _with_json(entries), self.arms
        if len(arms) > 1:
            ends = [_moment(entries.filter(arm), number) for arm in arms]
            known = [end for end in ends if end is not None]
            if known:
                arms = tuple(arm & Q(created_at__gte=max(known)) for arm in arms)
        return entries.filter(reduce(or_, arms))


def search(entries: QuerySet[AuditEntry], words: str) -> Search:
    """Look for `words` among `entries`, which are in page order."""
    words = words.strip()
    if not words:
        return Search()
    entries = _with_json(entries)
    exact = [Q((column, words)) for column in _SEARCHED]
    # In page order, and not by exists(): so that the index of each column is the cheapest way.
    found = [arm for arm in exact if entries.filter(arm).values_list("pk")[:1]]
    if found:
        return Search(tuple(found))
    part = reduce(or_, (Q((f"{column}__icontains", words)) for column in _SEARCHED))
    end = _moment(entries, RECENT - 1)
    return Search((part & Q(created_at__gte=end) if end else part,), is_partial=True)


def _with_json(entries: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
    return entries.alias(incident=INCIDENT, request_id=REQUEST_ID)


def _moment(entries: QuerySet[AuditEntry], index: int) -> datetime | None:
    """When the entry at this place was written; None where there are not as many."""
    moments = list(entries.values_list("created_at", flat=True)[index : index + 1])
    return moments[0] if moments else None
