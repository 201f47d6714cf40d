"""Raw changes of the flag table, and what they left in the log."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from audit.actor import Actor, Channel
from audit.models import AuditEntry
from audit.services import record
from flags.models import FeatureFlag
from flags.services import flip
from flags.state import read_state
from tests.conftest import console_actor

KEY, OTHER = "console_billing", "email_digest_weekly"
TABLE = "console_feature_flags"
POSTGRES = connection.vendor == "postgresql"
# Runbook section 6, option A, as it is typed.
OPTION_A = """\
UPDATE console_feature_flags SET value=1, updated_at=CURRENT_TIMESTAMP
WHERE flag_key='console_billing' AND env='staging';
"""


def sql(statement: str, parameters: Any = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount


def raw_row(key: str = KEY, value: int = 0, env: str = "staging") -> FeatureFlag:
    """A row that somebody typed."""
    sql(f"INSERT INTO {TABLE} (flag_key, env, value) VALUES ('{key}', '{env}', {value})")
    return row(key, env)


def row(key: str = KEY, env: str = "staging") -> FeatureFlag:
    return FeatureFlag.objects.get(flag_key=key, env=env)


def again(key: str, value: int) -> int:
    """Puts a row in the place of the one that its flag has, as this database can."""
    where = f"INTO {TABLE} (flag_key, env, value) VALUES ('{key}', 'staging', {value})"
    if POSTGRES:
        return sql(f"INSERT {where} ON CONFLICT (flag_key, env) DO UPDATE SET value = {value}")
    return sql(f"REPLACE {where}")


def turn(user, value: bool, key: str = KEY, env: str = "staging") -> uuid.UUID:
    """A flip of the console: its version."""
    state = read_state(key, env)
    return flip(key, env, value, actor=console_actor(user), seen=state.seen).state.row.change_id


def tell(
    *, action="console.flag.flip", about="feature_flag", key=KEY, env="staging", says=None
) -> uuid.UUID:
    """An audit row that is not sealed yet, inside `audited()`."""
    change = uuid.uuid4()
    record(
        Actor(Channel.SYSTEM, "system"),
        action,
        target_type=about,
        target_id=key,
        payload={"flag": key, "env": env, **(says or {"from": False, "to": True})},
        change_id=change,
    )
    return change


def claim(change: uuid.UUID | None, value: int = 1) -> None:
    """Raw SQL that gives the row this value under this version."""
    version = f"'{change.hex}'" if change else "NULL"
    sql(
        f"UPDATE {TABLE} SET value = {value}, change_id = {version} "
        f"WHERE flag_key = '{KEY}' AND env = 'staging'"
    )


@contextmanager
def told() -> Iterator[list[AuditEntry]]:
    """The audit rows that the block left."""
    last = AuditEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0
    entries: list[AuditEntry] = []
    yield entries
    entries += AuditEntry.objects.filter(id__gt=last).order_by("id")


@contextmanager
def told_nothing() -> Iterator[None]:
    """Neither an audit row, nor another row but for when it was touched."""
    before = _rows()
    with told() as entries:
        yield
    assert entries == []
    assert _rows() == before


def _rows() -> list[tuple]:
    fields = ("flag_key", "env", "value", "change_id", "updated_by_id")
    return list(FeatureFlag.objects.order_by("flag_key", "env").values_list(*fields))


def accounts(
    entry: AuditEntry, before: bool | None, after: bool | None, key: str = KEY, env: str = "staging"
) -> bool:
    """Whether it is the audit row of a raw change from `before` to `after`, exactly."""
    assert (entry.channel, entry.action) == ("sql", "console.flag.flip")
    assert (entry.target_type, entry.target_id, entry.admin_id) == ("feature_flag", key, None)
    assert entry.payload == {"flag": key, "env": env, "from": before, "to": after}
    # 1 == True: of the kind that JSON calls a boolean.
    assert {type(entry.payload[end]) for end in ("from", "to")} <= {bool, type(None)}
    assert entry.change_id is not None
    assert entry.actor
    if after is not None:
        now = row(key, env)
        assert (now.value, now.change_id, now.updated_by_id) == (int(after), entry.change_id, None)
        assert read_state(key, env).seen == f"db:{entry.change_id.hex}:{int(after)}"
    return True
