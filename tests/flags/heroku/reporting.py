"""Releases and reports as tests make them: each console tells of its own config vars."""

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from unittest import mock

from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from audit.actor import Actor, Channel
from audit.models import AuditEntry
from flags.config_vars import SWITCH, SWITCH_KEY
from flags.heroku import reports
from flags.services import flip
from flags.state import read_state

CONSOLES = {"prod": "raxx-console-prod", "staging": "raxx-console-staging"}
API = {"prod": "raxx-api-prod", "staging": "raxx-api-staging"}
ACTOR = Actor(Channel.CLI, "a test")
KEY, VAR = "console_billing", "FLAG_CONSOLE_BILLING"


@contextmanager
def deployment(env: str, variables: Mapping[str, str], *, switch: str = "1") -> Iterator[None]:
    """This process as the console of `env`, with these config vars and no other `FLAG_*`."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("FLAG_")}
    there = kept | ({SWITCH: switch} if switch else {}) | dict(variables)
    heeds = switch == "1"
    with (
        mock.patch.dict(os.environ, there, clear=True),
        override_settings(
            CONSOLE_ENV=env, APP_NAME=CONSOLES[env], FLAG_CONSOLE_FEATURE_FLAGS_DB=heeds
        ),
    ):
        yield


def release(env: str, variables: Mapping[str, str] | None = None, *, switch: str = "1") -> str:
    """The release phase of the console of `env`; what `sync_flags` says."""
    with deployment(env, variables or {}, switch=switch):
        return told("sync_flags")


def told(*command: str) -> str:
    """What a command writes to its standard output."""
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def take(
    found: Mapping[str, bool | None],
    *,
    app: str = CONSOLES["prod"],
    env: str = "prod",
    now: datetime | None = None,
    imported: bool = False,
    switch: bool | None = True,
    still_set: tuple[str, ...] = (),
) -> reports.Report:
    """Note a report of an app that, unless `switch` says otherwise, heeds DB rows."""
    found = {**found, SWITCH_KEY: switch} if switch is not None else found
    return reports.take(
        app, env, found, still_set=still_set, imported=imported, actor=ACTOR, now=now
    )


def pin(key: str, env: str, value: bool, now: datetime | None = None) -> None:
    """Flip a flag, from whatever it is, by that environment's own console."""
    with deployment(env, {}):
        seen = read_state(key, env).seen
        flip(key, env, value, actor=ACTOR, seen=seen, now=now or timezone.now())


def audited(start: int = 0) -> list[tuple[str, str, dict]]:
    """(action, target, payload) of the audit rows on config vars, oldest first."""
    rows = AuditEntry.objects.filter(target_type="config_var", pk__gt=start).order_by("pk")
    return [(row.action, row.target_id, row.payload) for row in rows]
