"""Rows of the log as tests want them: at a moment, with a context, many at once."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

from audit.actor import Actor, Channel
from audit.models import AuditEntry
from audit.sentences import FLIP
from audit.services import audited, record

PAGE = "/console/audit"


def flip(
    flag="billing",
    env="staging",
    *,
    by="alice",
    channel=Channel.CONSOLE,
    at=None,
    to=True,
    **context,
) -> AuditEntry:
    """One flip, at "2026-01-31" or "2026-01-31 23:59:59.999999"."""
    with audited():
        return record(
            Actor(channel, by),
            FLIP,
            target_type="feature_flag",
            target_id=flag,
            payload={"flag": flag, "env": env, "from": not to, "to": to},
            context=context,
            now=datetime.fromisoformat(at).replace(tzinfo=UTC) if at else None,
        )


def many(number: int, *, flag="many", by="bob", at=None, step=timedelta(seconds=0)) -> None:
    """Flips in one go, each `step` before the next one; the newest at `at`."""
    last = datetime.fromisoformat(at).replace(tzinfo=UTC) if at else datetime.now(UTC)
    payload = {"flag": flag, "env": "staging", "from": False, "to": True}
    # Around record(): a long log in a moment.
    AuditEntry._base_manager.bulk_create(
        [
            AuditEntry(
                created_at=last - step * (number - 1 - place),
                actor=by,
                channel=Channel.CONSOLE,
                action=FLIP,
                target_type="feature_flag",
                target_id=flag,
                payload=payload,
            )
            for place in range(number)
        ],
        batch_size=500,
    )


def flags_on(response) -> list[str]:
    """The flag of each entry on the page, in its order."""
    return re.findall(r'<pre class="payload">.*?&quot;flag&quot;: &quot;(.*?)&quot;', response.text)


def links_of(response, words: str) -> list[str]:
    """Where the links with this text lead."""
    found = re.findall(rf'<a [^>]*href="([^"]*)"[^>]*>{re.escape(words)}</a>', response.text)
    return [unescape(link) for link in found]
