"""What raw SQL tries on the two append-only tables, in the words of each database."""

from dataclasses import dataclass

from django.db import connection

from audit.models import AuditEntry, AuditLink


@dataclass(frozen=True)
class Target:
    """An append-only table: a column of it, what makes its rows unique, a whole new row."""

    table: str
    column: str
    key: str
    unique: tuple[str, ...]
    new: dict[str, str]

    def insert(self, **given: str) -> str:
        """INTO … VALUES of a row that is new but for what is given."""
        row = {**self.new, **given}
        return f"INTO {self.table} ({', '.join(row)}) VALUES ({', '.join(row.values())})"


LOG = Target(
    "console_audit_log",
    column="actor",
    key="id",
    unique=("id", "change_id"),
    new={
        "created_at": "'2026-05-04 03:00:00+00'",
        **dict.fromkeys(("actor", "action", "target_type", "target_id"), "'x'"),
        "channel": "'cli'",
        **dict.fromkeys(("payload", "context"), "'{}'"),
    },
)
CHAIN = Target(
    "console_audit_chain",
    column="row_hash",
    key="seq",
    unique=("seq", "audit_id", "prev_hash"),
    new={
        "seq": "99",
        "audit_id": "99",
        **dict.fromkeys(("prev_hash", "row_hash", "key_id"), "'x'"),
    },
)
TARGETS = (LOG, CHAIN)


def _everywhere(at: Target) -> list[str]:
    change = f"{at.column} = 'x'"
    return [
        f"UPDATE {at.table} SET {change}",
        f"UPDATE {at.table} SET {at.column} = {at.column}",
        f"UPDATE {at.table} SET {at.key} = {at.key} + 1",
        f"UPDATE {at.table} SET {change} WHERE {at.key} = :{at.key}",
        f"UPDATE {at.table} SET {change} FROM (SELECT 1) AS other",
        f"UPDATE {at.table} SET {change} RETURNING {at.key}",
        f"WITH one AS (SELECT 1) UPDATE {at.table} SET {change}",
        f"DELETE FROM {at.table}",
        f"DELETE FROM {at.table} WHERE {at.key} = :{at.key}",
        f"DELETE FROM {at.table} RETURNING {at.key}",
        f"WITH one AS (SELECT 1) DELETE FROM {at.table}",
        *(
            f"INSERT {at.insert(**{name: f':{name}'})} ON CONFLICT ({name}) DO UPDATE SET {change}"
            for name in at.unique
        ),
    ]


def _sqlite(at: Target) -> list[str]:
    without_key = Target(
        at.table, at.column, at.key, at.unique, {k: v for k, v in at.new.items() if k != at.key}
    )
    return [
        *(
            f"{verb} {at.insert(**{name: f':{name}'})}"
            for verb in ("REPLACE", "INSERT OR REPLACE")
            for name in at.unique
        ),
        *(
            f"INSERT OR REPLACE {without_key.insert(**{name: f':{at.key}'})}"
            for name in ("rowid", "oid", "_rowid_")
        ),
        *(
            f"UPDATE OR {otherwise} {at.table} SET {change}"
            for otherwise in ("REPLACE", "IGNORE", "FAIL", "ABORT", "ROLLBACK")
            for change in (f"{at.column} = 'x'", f"{at.key} = {at.key} + 1", "rowid = 7")
        ),
    ]


def _postgres(at: Target) -> list[str]:
    merge = (
        f"MERGE INTO {at.table} AS t USING (SELECT 1) AS s ON t.{at.key} = :{at.key}"
        " WHEN MATCHED THEN"
    )
    return [
        f"UPDATE {at.table} SET {at.column} = 'x' WHERE false",
        f"UPDATE ONLY {at.table} SET {at.column} = 'x'",
        f"DELETE FROM {at.table} WHERE false",
        f"DELETE FROM {at.table} USING accounts_user",
        f"WITH gone AS (DELETE FROM {at.table} RETURNING *) SELECT count(*) FROM gone",
        f"DECLARE c CURSOR FOR SELECT * FROM {at.table}; FETCH c;"
        f" DELETE FROM {at.table} WHERE CURRENT OF c",
        f"DO 'BEGIN DELETE FROM {at.table}; END'",
        f"{merge} UPDATE SET {at.column} = 'x'",
        f"{merge} DELETE",
        f"TRUNCATE {at.table}",
        f"TRUNCATE {at.table} CASCADE",
        f"TRUNCATE {at.table} RESTART IDENTITY",
        f"TRUNCATE django_session, {at.table}",
        f"TRUNCATE {', '.join(other.table for other in TARGETS)}",
        *(
            f"CREATE VIEW pg_temp.window AS SELECT * FROM {at.table}; {statement}"
            for statement in (
                f"UPDATE pg_temp.window SET {at.column} = 'x'",
                "DELETE FROM pg_temp.window",
            )
        ),
    ]


_OF_THIS_DATABASE = _postgres if connection.vendor == "postgresql" else _sqlite
STATEMENTS = [
    statement
    for target in TARGETS
    for statement in (*_everywhere(target), *_OF_THIS_DATABASE(target))
] + (["TRUNCATE accounts_user CASCADE"] if connection.vendor == "postgresql" else [])
# A server before 15 does not know MERGE at all.
REFUSED = r"is append-only|is never truncated|syntax error at or near .MERGE"


def kept() -> tuple[list[dict], list[dict]]:
    """All rows of the two tables."""
    return list(AuditEntry.objects.order_by("pk").values()), list(
        AuditLink.objects.order_by("pk").values()
    )


def filled(statement: str, rows: tuple[list[dict], list[dict]]) -> str:
    """The statement, its places filled from the first row of each table."""
    (entry, *_), (link, *_) = rows
    values = {**entry, **link, "change_id": f"'{entry['change_id'].hex}'"}
    values["prev_hash"] = f"'{link['prev_hash']}'"
    # The longest first: ":id" is no part of another's name, but that is luck.
    for name in sorted(values, key=len, reverse=True):
        statement = statement.replace(f":{name}", str(values[name]))
    return statement


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
