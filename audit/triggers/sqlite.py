"""The trigger texts of SQLite.

The sqlite3 shell has no SHA256() and has foreign keys off: triggers use neither. A trigger cannot
change the row that is being written: it writes the row once more, and the triggers that this fires
find nothing to do.
"""

from typing import Any

QUERY = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
ALL = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"

_FLAGS = "console_feature_flags"
# What makes a row of each append-only table unique.
_UNIQUE = {
    "console_audit_log": ("id", "change_id"),
    "console_audit_chain": ("seq", "audit_id", "prev_hash"),
}


def names(table: str) -> list[str]:
    return list(_triggers(table))


def missing_functions(cursor: Any, tables: list[str]) -> list[str]:
    return []


def before_install(tables: list[str]) -> list[str]:
    return []


def drops(table: str) -> list[str]:
    return [f"DROP TRIGGER IF EXISTS {name}" for name in _triggers(table)]


def creates(table: str) -> list[str]:
    return list(_triggers(table).values())


def definitions(table: str) -> dict[str, tuple[Any, ...]]:
    """Each trigger's text by its name, as `sqlite_master` keeps it."""
    return {name: (statement,) for name, statement in _triggers(table).items()}


def _triggers(table: str) -> dict[str, str]:
    events = _flag_events() if table == _FLAGS else _append_only_events(table)
    return {
        f"{table}_{suffix}": f"CREATE TRIGGER {table}_{suffix} {event} BEGIN {body} END"
        for suffix, (event, body) in events.items()
    }


def _append_only_events(table: str) -> dict[str, tuple[str, str]]:
    refuse = (
        f"SELECT RAISE(ABORT, '{table} is append-only: rows are never changed and never deleted');"
    )
    # INSERT OR REPLACE removes the old row without firing the DELETE trigger.
    same = " OR ".join(f"{column} = NEW.{column}" for column in _UNIQUE[table])
    return {
        "no_update": (f"BEFORE UPDATE ON {table}", refuse),
        "no_delete": (f"BEFORE DELETE ON {table}", refuse),
        "no_overwrite": (
            f"BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})",
            refuse,
        ),
        "no_negative_id": _no_negative_id(table, _UNIQUE[table][0]),
    }


def _no_negative_id(table: str, column: str) -> tuple[str, str]:
    """To a BEFORE INSERT trigger an id that is not given yet is -1.

    One row of that id, and it would refuse every other one.
    """
    return (
        f"AFTER INSERT ON {table} WHEN NEW.{column} < 0",
        f"SELECT RAISE(ABORT, '{table}: no id is negative');",
    )


# --- console_feature_flags ---------------------------------------------------

_SAME_FLAG = "NEW.flag_key = OLD.flag_key AND NEW.env = OLD.env"
# The latest audit row of this flag.
_LATEST = (
    "(SELECT id FROM console_audit_log WHERE target_type = 'feature_flag'"
    " AND target_id = NEW.flag_key AND action IN ('console.flag.flip', 'console.flag.reconciled')"
    " AND json_extract(payload, '$.env') = NEW.env ORDER BY id DESC LIMIT 1)"
)
_VALUE = "coalesce(json_extract(payload, '$.to'), json_extract(payload, '$.value'))"
# flip() wrote its audit row before it changes the flag, and seals it afterwards: one that tells of
# this very value, that is the flag's last and is not sealed yet belongs to this change and to no
# other.
_ACCOUNTED = (
    f"EXISTS (SELECT 1 FROM console_audit_log AS told WHERE told.id = {_LATEST}"
    f" AND told.change_id = NEW.change_id AND told.channel <> 'sql' AND {_VALUE} = NEW.value"
    " AND NOT EXISTS (SELECT 1 FROM console_audit_chain WHERE audit_id = told.id))"
)
# The row's version and its author are those of that audit row: as a trigger here leaves them.
_AS_LOGGED = (
    f"EXISTS (SELECT 1 FROM console_audit_log AS told WHERE told.id = {_LATEST}"
    " AND told.change_id IS NEW.change_id AND told.admin_id IS NEW.updated_by_id)"
)
# INSERT OR REPLACE has removed the old row by the time that the new one can be looked at: the log
# has its value.
_LAST_LOGGED = f"(SELECT {_VALUE} FROM console_audit_log WHERE id = {_LATEST})"
# A random UUID (version 4), as Django keeps it.
_UUID = (
    "lower(hex(randomblob(6)) || '4' || substr(hex(randomblob(2)), 2)"
    " || substr('89AB', (random() & 3) + 1, 1) || substr(hex(randomblob(2)), 2)"
    " || hex(randomblob(6)))"
)
_TAKE_ITS_VERSION = (
    f"UPDATE {_FLAGS} SET updated_by_id = NULL, change_id ="
    " (SELECT change_id FROM console_audit_log WHERE id = last_insert_rowid())"
    " WHERE id = NEW.id;"
)


def _flag_events() -> dict[str, tuple[str, str]]:
    refuse = f"SELECT RAISE(ABORT, '{_FLAGS}: this would remove the row of another flag');"
    moved = f"NOT ({_SAME_FLAG})"
    changed = "NEW.value <> OLD.value"
    return {
        "no_overwrite": (
            f"BEFORE INSERT ON {_FLAGS} WHEN EXISTS (SELECT 1 FROM {_FLAGS}"
            " WHERE id = NEW.id AND NOT (flag_key = NEW.flag_key AND env = NEW.env))",
            refuse,
        ),
        "no_overwriting_update": (
            f"BEFORE UPDATE ON {_FLAGS} WHEN EXISTS (SELECT 1 FROM {_FLAGS} WHERE id <> OLD.id"
            " AND (id = NEW.id OR (flag_key = NEW.flag_key AND env = NEW.env)))",
            refuse,
        ),
        "no_negative_id": _no_negative_id(_FLAGS, "id"),
        "no_negative_new_id": (
            f"AFTER UPDATE ON {_FLAGS} WHEN NEW.id < 0",
            _no_negative_id(_FLAGS, "id")[1],
        ),
        "tell_insert": (
            f"AFTER INSERT ON {_FLAGS} WHEN NOT {_ACCOUNTED}",
            _tell("NEW", _LAST_LOGGED, "NEW.value") + _TAKE_ITS_VERSION,
        ),
        "tell_update": (
            f"AFTER UPDATE ON {_FLAGS} WHEN {_SAME_FLAG} AND {changed} AND NOT {_ACCOUNTED}",
            _tell("NEW", "OLD.value", "NEW.value") + _TAKE_ITS_VERSION,
        ),
        "tell_move": (
            f"AFTER UPDATE ON {_FLAGS} WHEN {moved}",
            _tell("OLD", "OLD.value", "NULL")
            + _tell("NEW", "NULL", "NEW.value")
            + _TAKE_ITS_VERSION,
        ),
        "tell_delete": (f"AFTER DELETE ON {_FLAGS}", _tell("OLD", "OLD.value", "NULL")),
        # A version or a name without a change would lay a value at another one's door.
        "keep_version": (
            f"AFTER UPDATE ON {_FLAGS} WHEN {_SAME_FLAG} AND NOT ({changed})"
            " AND (NEW.change_id IS NOT OLD.change_id"
            " OR NEW.updated_by_id IS NOT OLD.updated_by_id)"
            f" AND NOT {_ACCOUNTED} AND NOT {_AS_LOGGED}",
            f"UPDATE {_FLAGS} SET change_id = OLD.change_id, updated_by_id = OLD.updated_by_id"
            " WHERE id = NEW.id;",
        ),
    }


def _tell(row: str, before: str, after: str) -> str:
    """The audit row of a change that did not come through `flip()`."""
    return (
        "INSERT INTO console_audit_log (created_at, admin_id, actor, channel, action,"
        " target_type, target_id, payload, context, change_id)"
        " VALUES (strftime('%Y-%m-%d %H:%M:%f', 'now'), NULL, 'someone with the database file',"
        f" 'sql', 'console.flag.flip', 'feature_flag', {row}.flag_key,"
        f" json_object('flag', {row}.flag_key, 'env', {row}.env,"
        f" 'from', {_as_json(before)}, 'to', {_as_json(after)}), '{{}}', {_UUID});"
    )


def _as_json(value: str) -> str:
    return f"json(CASE {value} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END)"
