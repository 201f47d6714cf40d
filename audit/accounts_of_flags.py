"""Whether each flag's row is what the log says of it last."""

import json
from collections.abc import Iterator
from uuid import UUID

from django.db import connection

from audit.json_text import json_text

_TOLD = (
    "target_type = 'feature_flag' AND action IN ('console.flag.flip', 'console.flag.reconciled')"
    " AND change_id IS NOT NULL"
)
# Rows and log in one statement: one moment of both, whatever is flipped meanwhile.
_ROWS = """
    SELECT flag.flag_key, flag.env, flag.value, flag.change_id, told.id, told.change_id,
        told.payload
    FROM (
        SELECT flag_key, env, value, change_id, (
            SELECT max(id) FROM console_audit_log AS log
            WHERE {told} AND target_id = row.flag_key AND {env} = row.env
        ) AS last
        FROM console_feature_flags AS row
    ) AS flag
    LEFT JOIN console_audit_log AS told ON told.id = flag.last
"""
_GONE = """
    SELECT log.id, log.target_id, log.payload
    FROM console_audit_log AS log
    JOIN (
        SELECT max(log.id) AS id FROM console_audit_log AS log
        WHERE {told} GROUP BY target_id, {env}
    ) AS last ON last.id = log.id
    WHERE NOT EXISTS (
        SELECT 1 FROM console_feature_flags WHERE flag_key = log.target_id AND env = {env}
    )
"""


def wrong() -> Iterator[tuple[int | None, str]]:
    """For each flag whose row no audit row accounts for: the id of what the log says last, if it
    says anything, and what is wrong, in words."""
    for key, env, value, change, audit_id, told_change, payload in _ask(_ROWS):
        if audit_id is None:
            yield None, f"{key} in {env}: the log knows nothing of its row"
            continue
        said = json.loads(payload)
        if said.get("to", said.get("value")) is not bool(value):
            yield audit_id, f"{key} in {env}: its value is not the one that the log says"
        elif change is None or UUID(str(change)) != UUID(str(told_change)):
            yield audit_id, f"{key} in {env}: its change_id is not the one of its last audit row"
    for audit_id, key, payload in _ask(_GONE):
        said = json.loads(payload)
        if said.get("to", said.get("value")) is not None:
            yield (
                audit_id,
                f"{key} in {said['env']}: its row is gone, and the log says nothing of it",
            )


def _ask(query: str) -> list[tuple]:
    env = json_text("log.payload", "env")
    with connection.cursor() as cursor:
        cursor.execute(query.format(told=_TOLD, env=env))
        rows: list[tuple] = cursor.fetchall()
    return rows
