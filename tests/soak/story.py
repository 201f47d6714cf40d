"""What the log tells of the flags, read by raw SQL, held against the rows and the chain."""

import json
import uuid
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flags import runtime
from tests.processes import raw_sql
from tests.processes.server import manage


@dataclass(frozen=True, slots=True)
class Change:
    """An audit row of a flag's change. None is a value that was not there, or is gone."""

    flag: str
    env: str
    before: bool | None
    after: bool | None
    change: str
    channel: str


def told_changes(url: str = "") -> list[Change]:
    """All changes of flags that the log tells of, in the order of its ids."""
    rows = raw_sql.rows(
        "SELECT payload, change_id, channel FROM console_audit_log"
        " WHERE action = 'console.flag.flip' ORDER BY id",
        url,
    )
    return [_change(_parsed(payload), change, channel) for payload, change, channel in rows]


def assert_the_story_is_whole(changes: list[Change], url: str = "") -> None:
    """Each flag's changes begin where the one before ended; the rows are what the last ones say."""
    stories: dict[tuple[str, str], list[Change]] = defaultdict(list)
    for change in changes:
        stories[change.flag, change.env].append(change)
    ends = {}
    for flag, story in stories.items():
        value: bool | None = None
        for change in story:
            # Where there is no row, flip() says what the flag was by default; a trigger cannot.
            default = runtime.declared()[change.flag].default
            by_default = default if change.channel != "sql" else None
            assert change.before is (by_default if value is None else value), (change, value)
            value = change.after
        if value is not None:
            ends[flag] = (value, story[-1].change)
    assert _rows(url) == ends


def assert_what_was_acknowledged_is_there(
    notes: list[dict[str, Any]], changes: list[Change], in_doubt: int
) -> None:
    """All of it, and besides it no more than may have been committed without a word of it."""
    told = [change.change for change in changes]
    assert len(told) == len(set(told))
    acknowledged = {note["change"] for note in notes if note.get("outcome") == "changed"}
    unsaid = set(told) - acknowledged
    print(f"{len(acknowledged)} changes, {in_doubt} in doubt, {len(unsaid)} of those committed")
    assert acknowledged <= set(told)
    assert len(unsaid) <= in_doubt


def assert_all_is_sealed(url: str = "", log: Path | None = None) -> None:
    """`audit_verify`, which seals what waits, finds nothing; a link for each audit row, no gap.

    The checkpoints of the flips of prod, in the log of those who made them, fit as well.
    """
    extra = {"DATABASE_URL": url} if url else {}
    arguments = ["--json", *(["--checkpoint", str(log)] if log else [])]
    verified = manage("audit_verify", *arguments, check=False, **extra)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    links = raw_sql.rows("SELECT seq, audit_id FROM console_audit_chain ORDER BY seq", url)
    assert [seq for seq, _ in links] == list(range(1, len(links) + 1))
    logged = raw_sql.rows("SELECT id FROM console_audit_log ORDER BY id", url)
    assert sorted(audit_id for _, audit_id in links) == [audit_id for (audit_id,) in logged]
    assert json.loads(verified.stdout)["checked"] == len(logged)


def _rows(url: str) -> dict[tuple[str, str], tuple[bool, str]]:
    rows = raw_sql.rows("SELECT flag_key, env, value, change_id FROM console_feature_flags", url)
    return {(key, env): (bool(value), _hex(change)) for key, env, value, change in rows}


def _change(payload: dict[str, Any], change: Any, channel: str) -> Change:
    flag, env, before, after = (payload[name] for name in ("flag", "env", "from", "to"))
    return Change(flag, env, before, after, _hex(change), channel)


def _parsed(payload: Any) -> dict[str, Any]:
    """PostgreSQL's driver parses it, SQLite's does not."""
    return json.loads(payload) if isinstance(payload, str) else payload


def _hex(change: Any) -> str:
    return uuid.UUID(str(change)).hex
