"""The trigger texts of PostgreSQL.

Conditions stand in the functions' bodies, never in `UPDATE OF` or `WHEN`: those block later changes
of the columns that they name. All are ENABLE ALWAYS: for a session that calls itself a replica,
too. The functions of the flag table are SECURITY DEFINER with a fixed search_path, so that a
break-glass role needs no right but UPDATE on that one table.
"""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

_FLAGS = "console_feature_flags"
# The bits of pg_trigger.tgtype.
_ROW, _BEFORE, _INSERT, _DELETE, _UPDATE, _TRUNCATE = 1, 2, 4, 8, 16, 32

_ACCOUNTED = """
        EXISTS (
            SELECT 1 FROM console_audit_log AS told
            WHERE told.change_id = NEW.change_id
                AND told.channel <> 'sql' AND told.target_type = 'feature_flag'
                AND told.action IN ('console.flag.flip', 'console.flag.reconciled')
                AND told.target_id = NEW.flag_key AND told.payload ->> 'env' = NEW.env
                AND coalesce(told.payload -> 'to', told.payload -> 'value')
                    = to_jsonb(NEW.value = 1)
                AND NOT EXISTS (SELECT 1 FROM console_audit_chain WHERE audit_id = told.id)
        )"""

# Before: the version. flip() wrote its audit row before it changes the flag, and seals it
# afterwards: one that tells of this very value and is not sealed yet belongs to this change and to
# no other.
_VERSION = f"""
DECLARE
    same_flag boolean := TG_OP = 'UPDATE'
        AND (NEW.flag_key, NEW.env) IS NOT DISTINCT FROM (OLD.flag_key, OLD.env);
    changes boolean := NOT same_flag OR NEW.value IS DISTINCT FROM OLD.value;
BEGIN
    IF NOT changes AND NEW.change_id IS NOT DISTINCT FROM OLD.change_id THEN
        RETURN NEW;
    END IF;
    IF (same_flag OR TG_OP = 'INSERT') AND {_ACCOUNTED} THEN
        RETURN NEW;
    END IF;
    IF changes THEN
        NEW.change_id := gen_random_uuid();
        NEW.updated_by_id := NULL;
    ELSE
        -- A version without a change would lay somebody's value at another one's door.
        NEW.change_id := OLD.change_id;
        NEW.updated_by_id := OLD.updated_by_id;
    END IF;
    RETURN NEW;
END
"""

# After: the audit row, with what the server knows of whoever made the change (`session_user` is who
# logged in, `role` what they changed to). An INSERT that a conflict turned into nothing never comes
# here; a row moved to another flag is a DELETE and an INSERT.
_TELL = """
DECLARE
    moved boolean := TG_OP = 'UPDATE'
        AND (NEW.flag_key, NEW.env) IS DISTINCT FROM (OLD.flag_key, OLD.env);
    gone boolean := moved OR TG_OP = 'DELETE';
    came boolean := moved OR TG_OP = 'INSERT';
BEGIN
    IF NOT gone AND NOT came AND NEW.value = OLD.value THEN
        RETURN NULL;
    END IF;
    INSERT INTO console_audit_log (
        created_at, actor, channel, action, target_type, target_id, payload, context, change_id
    )
    SELECT clock_timestamp(), session_user, 'sql', 'console.flag.flip', 'feature_flag', flag,
        jsonb_build_object('flag', flag, 'env', env, 'from', was = 1, 'to', becomes = 1),
        jsonb_strip_nulls(jsonb_build_object(
            'db_role', session_user,
            'set_role', nullif(current_setting('role', true), 'none'),
            'application', nullif(current_setting('application_name', true), ''),
            'address', host(inet_client_addr())
        )),
        change
    FROM (
        SELECT OLD.flag_key, OLD.env, OLD.value, NULL::smallint, gen_random_uuid()
        WHERE gone
        UNION ALL
        SELECT NEW.flag_key, NEW.env, CASE WHEN NOT came THEN OLD.value END, NEW.value,
            NEW.change_id
        WHERE TG_OP <> 'DELETE' AND NOT EXISTS (
            SELECT 1 FROM console_audit_log WHERE change_id = NEW.change_id
        )
    ) AS told (flag, env, was, becomes, change);
    RETURN NULL;
END
"""


def names(table: str) -> list[str]:
    return [f"{table}_{suffix}" for suffix in _triggers(table)]


class Texts:
    """The texts for one database: the functions' search_path names the schema of our tables."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT quote_ident(current_schema())")
            schema = cursor.fetchone()[0]
        self._path = f"pg_catalog, {schema}, pg_temp"

    QUERY = """
        SELECT tgname, relname, tgenabled::text, tgtype::int, tgqual IS NULL, prosrc, prosecdef,
            proconfig
        FROM pg_trigger
        JOIN pg_class ON pg_class.oid = tgrelid
        JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE NOT tgisinternal
    """

    def before_install(self, tables: list[str]) -> list[str]:
        # Two deployments may migrate the shared database at once.
        return [f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE" for table in tables]

    def drops(self, table: str) -> list[str]:
        return [f"DROP TRIGGER IF EXISTS {name} ON {table}" for name in names(table)]

    def creates(self, table: str) -> list[str]:
        statements = [
            self._function(f"{name}()", "trigger", body, definer=table == _FLAGS)
            for name, body in _functions(table).items()
        ]
        for suffix, (event, level, function, _) in _triggers(table).items():
            name = f"{table}_{suffix}"
            statements += [
                f"CREATE TRIGGER {name} {event} ON {table} "
                f"FOR EACH {level} EXECUTE FUNCTION {function}()",
                f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
            ]
        return statements

    def definitions(self, table: str) -> dict[str, tuple[Any, ...]]:
        """What `QUERY` must answer of each trigger, by its name."""
        bodies = _functions(table)
        definer = table == _FLAGS
        return {
            f"{table}_{suffix}": (
                *(table, "A", bits, True, bodies[function]),
                *(definer, [f"search_path={self._path_of(definer)}"]),
            )
            for suffix, (_, _, function, bits) in _triggers(table).items()
        }

    def _function(self, signature: str, returns: str, body: str, *, definer: bool = True) -> str:
        security = "SECURITY DEFINER " if definer else ""
        return (
            f"CREATE OR REPLACE FUNCTION {signature} RETURNS {returns} LANGUAGE plpgsql {security}"
            f"SET search_path = {self._path_of(definer)} AS $${body}$$"
        )

    def _path_of(self, definer: bool) -> str:
        return self._path if definer else "pg_catalog, pg_temp"


def _functions(table: str) -> dict[str, str]:
    """The bodies of a table's trigger functions, by name."""
    if table == _FLAGS:
        refuse = _raise(f"{table} is never truncated: DELETE leaves an audit row for each flag")
        return {
            f"{table}_version": _VERSION,
            f"{table}_tell": _TELL,
            f"{table}_refuse": refuse,
        }
    return {
        f"{table}_refuse": _raise(
            f"{table} is append-only: rows are never changed and never deleted"
        )
    }


def _raise(message: str) -> str:
    return f" BEGIN RAISE EXCEPTION '{message}'; END "


def _triggers(table: str) -> dict[str, tuple[str, str, str, int]]:
    """Event, level, function and tgtype of each trigger, by its name's end."""
    refuse = f"{table}_refuse"
    if table == _FLAGS:
        return {
            "version": (
                *("BEFORE INSERT OR UPDATE", "ROW", f"{table}_version"),
                _ROW | _BEFORE | _INSERT | _UPDATE,
            ),
            "tell": (
                *("AFTER INSERT OR UPDATE OR DELETE", "ROW", f"{table}_tell"),
                _ROW | _INSERT | _UPDATE | _DELETE,
            ),
            "no_truncate": ("BEFORE TRUNCATE", "STATEMENT", refuse, _BEFORE | _TRUNCATE),
        }
    return {
        "no_update": ("BEFORE UPDATE", "STATEMENT", refuse, _BEFORE | _UPDATE),
        "no_delete": ("BEFORE DELETE", "STATEMENT", refuse, _BEFORE | _DELETE),
        "no_overwrite": ("BEFORE TRUNCATE", "STATEMENT", refuse, _BEFORE | _TRUNCATE),
    }
