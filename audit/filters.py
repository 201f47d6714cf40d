"""The filters of the audit page. Their choices are constants: none is read off the log."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.utils import timezone

from audit.actor import Channel
from audit.models import PAYLOAD_ENV, AuditEntry
from audit.sentences import KNOWN_ACTIONS

# In the order in which the page tells of them.
PARAMETERS = ("flag", "actor", "env", "channel", "action", "since", "until")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SPANS = (("Today", 1), ("7 days", 7), ("30 days", 30))


def parse_date(text: str) -> date:
    """YYYY-MM-DD and nothing else; on other texts the changelist starts anew."""
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise IncorrectLookupParameters


def start_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def within(
    entries: QuerySet[AuditEntry], since: date | None, until: date | None
) -> QuerySet[AuditEntry]:
    """The entries of these days, both included, in UTC."""
    if since:
        entries = entries.filter(created_at__gte=start_of(since))
    if until and until < date.max:
        entries = entries.filter(created_at__lt=start_of(until + timedelta(days=1)))
    return entries


class WrittenFilter(admin.ListFilter):
    """What has too many values for a list: a form, and links to the last days."""

    title = "flag, actor, date"
    template = "audit/_filter_form.html"
    fields = ("flag", "actor", "since", "until")

    def __init__(self, request: Any, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.asked = {name: params.pop(name)[-1].strip() for name in self.fields if name in params}
        self.today = timezone.now().date()

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.fields)

    def queryset(self, request: Any, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        if flag := self.asked.get("flag"):
            queryset = queryset.filter(target_id=_text(flag))
        if actor := self.asked.get("actor"):
            queryset = queryset.filter(actor=_text(actor))
        return within(queryset, self.day("since"), self.day("until"))

    def day(self, name: str) -> date | None:
        text = self.asked.get(name)
        return parse_date(text) if text else None

    def choices(self, changelist: ChangeList) -> Any:
        since, until = self.day("since"), self.day("until")
        for words, days in _SPANS:
            first = self.today - timedelta(days=days - 1)
            query = changelist.get_query_string({"since": first.isoformat(), "until": None})
            is_it = since == first and until is None
            yield {"selected": is_it, "query_string": query, "display": words}
        query = changelist.get_query_string({"since": None, "until": None})
        yield {"selected": not (since or until), "query_string": query, "display": "Any date"}

    def hidden(self) -> dict[str, str]:
        """The other parameters in force, which the form sends along."""
        others = [name for name in (*PARAMETERS, "q") if name not in self.fields]
        asked = {name: self.request.GET.get(name, "") for name in others}
        return {name: value for name, value in asked.items() if value}


class EnvironmentFilter(admin.SimpleListFilter):
    title = "environment"
    parameter_name = "env"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(env, env) for env in settings.ENVIRONMENTS]

    def queryset(self, request: Any, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        if not self.value():
            return queryset
        return queryset.alias(env=PAYLOAD_ENV).filter(env=_known(self))


class ChannelFilter(admin.SimpleListFilter):
    title = "channel"
    parameter_name = "channel"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(channel.value, str(channel.label)) for channel in Channel]

    def queryset(self, request: Any, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(channel=_known(self)) if self.value() else queryset


class ActionFilter(admin.SimpleListFilter):
    """Any action may be asked for: another release may write such as this one does not know."""

    title = "action"
    parameter_name = "action"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(action, action.removeprefix("console.")) for action in KNOWN_ACTIONS]

    def queryset(self, request: Any, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        value = self.value()
        return queryset.filter(action=_text(value)) if value else queryset


def _text(value: str) -> str:
    """PostgreSQL takes no NUL in a text."""
    if "\x00" in value:
        raise IncorrectLookupParameters
    return value


def _known(chosen: admin.SimpleListFilter) -> str:
    """The filter's value, if it is one of its choices; else the changelist starts anew."""
    value = chosen.value() or ""
    if value not in [choice for choice, _ in chosen.lookup_choices]:
        raise IncorrectLookupParameters
    return value
