"""The trigger texts of PostgreSQL.

Conditions stand in the functions' bodies, never in `UPDATE OF` or `WHEN`: those block later changes
of the columns that they name. All are ENABLE ALWAYS: for a session that calls itself a replica,
too. The functions of the flag table are SECURITY DEFINER with a fixed search_path, so that a
break-glass role needs no right but UPDATE on that one table; nobody else may put them on a table
of their own, where they would write to the log whatever that table says.
"""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from audit.triggers.postgres_bodies import TELL, UNSEALED, UNSEALED_SIGNATURE, VERSION

LOCK = 0x52617878
"""The advisory lock of whoever seals: any number that no other one has."""
_FLAGS = "console_feature_flags"
_CHAIN = "console_audit_chain"
_SEALING = "console_audit_unsealed"
# The plan for any parameters: each own plan would cost more than it saves.
_KEPT_PLAN = "plan_cache_mode=force_generic_plan"
_PATH = "pg_catalog, pg_temp"
# The bits of pg_trigger.tgtype.
_ROW, _BEFORE, _INSERT, _DELETE, _UPDATE, _TRUNCATE = 1, 2, 4, 8, 16, 32


def names(table: str) -> list[str]:
    return [f"{table}_{suffix}" for suffix in _triggers(table)]


class Texts:
    """The texts for one database: the functions name the schema of our tables."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT quote_ident(current_schema())")
            self._schema = cursor.fetchone()[0]

    # Of a trigger: its table, whether it is ENABLE ALWAYS, its events, that neither WHEN nor
    # UPDATE OF nor DEFERRABLE weakens it. Of its function: what it does, with whose rights, where
    # it looks names up, and that not everyone may use one that has its owner's rights.
    QUERY = """
        SELECT tgname, relname, tgenabled::text, tgtype::int,
            tgqual IS NULL AND tgattr::text = '' AND NOT tgdeferrable,
            prosrc, prosecdef, proconfig,
            NOT (prosecdef AND has_function_privilege('public', pg_proc.oid, 'EXECUTE'))
        FROM pg_trigger
        JOIN pg_class ON pg_class.oid = tgrelid
        JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE NOT tgisinternal AND pg_table_is_visible(pg_class.oid)
    """

    ALL = """
        SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE NOT tgisinternal AND pg_table_is_visible(pg_class.oid)
        UNION ALL
        SELECT rulename, relname FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class
        WHERE pg_table_is_visible(pg_class.oid)
    """

    def names(self, table: str) -> list[str]:
        return names(table)

    def before_install(self, tables: list[str]) -> list[str]:
        # Two deployments may migrate the shared database at once. The lock that DROP TRIGGER needs,
        # from the start and in the order in which a flip comes by the tables: no deadlock with it.
        statements = [f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE"] if tables else []
        if _CHAIN in tables:
            statements.append(
                f"CREATE OR REPLACE FUNCTION {UNSEALED_SIGNATURE} LANGUAGE plpgsql"
                f" SET search_path = {_PATH} SET {_KEPT_PLAN} AS $${self._unsealed()}$$"
            )
        return statements

    def missing_functions(self, cursor: Any, tables: list[str]) -> list[str]:
        """The names of functions besides those of triggers that are not as they must be."""
        cursor.execute(
            "SELECT prosrc, prosecdef, proconfig FROM pg_proc"
            " WHERE proname = %s AND pg_function_is_visible(oid)",
            [_SEALING],
        )
        wanted = (self._unsealed(), False, [f"search_path={_PATH}", _KEPT_PLAN])
        return [_SEALING] if _CHAIN in tables and wanted not in cursor.fetchall() else []

    def _unsealed(self) -> str:
        return UNSEALED.format(schema=self._schema, lock=LOCK)

    def drops(self, table: str) -> list[str]:
        return [f"DROP TRIGGER IF EXISTS {name} ON {table}" for name in names(table)]

    def creates(self, table: str) -> list[str]:
        statements = []
        for name, body in self._functions(table).items():
            statements += self._function(name, body, definer=table == _FLAGS)
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
        bodies, definer = self._functions(table), table == _FLAGS
        return {
            f"{table}_{suffix}": (
                *(table, "A", bits, True),
                *(bodies[function], definer, [f"search_path={_PATH}"], True),
            )
            for suffix, (_, _, function, bits) in _triggers(table).items()
        }

    def _functions(self, table: str) -> dict[str, str]:
        """The bodies of a table's trigger functions, by name."""
        if table == _FLAGS:
            return {
                f"{table}_version": VERSION.format(schema=self._schema),
                f"{table}_tell": TELL.format(schema=self._schema),
                f"{table}_notify": _notify(table),
                f"{table}_refuse": _raise(
                    f"{table} is never truncated: DELETE leaves an audit row for each flag"
                ),
            }
        message = f"{table} is append-only: rows are never changed and never deleted"
        return {f"{table}_refuse": _raise(message)}

    def _function(self, name: str, body: str, *, definer: bool) -> list[str]:
        security = "SECURITY DEFINER " if definer else ""
        create = (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {security}"
            f"SET search_path = {_PATH} AS $${body}$$"
        )
        return [create, f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC"] if definer else [create]


def _notify(channel: str) -> str:
    """A hint that something changed. Whoever hears it reads what is true then."""
    return f" BEGIN PERFORM pg_notify('{channel}', ''); RETURN NULL; END "


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
            "notify": (
                *("AFTER INSERT OR UPDATE OR DELETE", "STATEMENT", f"{table}_notify"),
                _INSERT | _UPDATE | _DELETE,
            ),
            "no_truncate": ("BEFORE TRUNCATE", "STATEMENT", refuse, _BEFORE | _TRUNCATE),
        }
    return {
        "no_update": ("BEFORE UPDATE", "STATEMENT", refuse, _BEFORE | _UPDATE),
        "no_delete": ("BEFORE DELETE", "STATEMENT", refuse, _BEFORE | _DELETE),
        "no_overwrite": ("BEFORE TRUNCATE", "STATEMENT", refuse, _BEFORE | _TRUNCATE),
    }
