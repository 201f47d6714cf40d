"""Fill a console database's audit log with made-up rows, fast: the log of two busy years.

    python -m tests.bench.fill_log DATABASE_URL ROWS

The database must be migrated. Nothing else than the log is written, and nothing there is changed.
"""

import os
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta

from django.db import connection

SPAN = timedelta(days=730)
CHUNK = 500_000
COLUMNS = "created_at, actor, channel, action, target_type, target_id, payload, context"
# A quarter of the acts are one operator's, and one flag's: the others have few each.
ACTOR = "CASE WHEN n % 4 = 1 THEN 'operator-0' ELSE 'operator-' || (n * 7 % 40) END"
FLAG = "CASE WHEN n / 10 % 4 = 1 THEN 'flag_0' ELSE 'flag_' || (n * 13 % 300) END"
# What a row is, by its number. Multipliers spread the values: rows next to each other differ.
ROW = """
SELECT {moment},
    {actor},
    CASE n % 20 WHEN 0 THEN 'sql' WHEN 1 THEN 'cli' WHEN 2 THEN 'cli'
        WHEN 3 THEN 'promotion' WHEN 4 THEN 'system' ELSE 'console' END,
    CASE WHEN n * 11 % 10 < 6 THEN 'console.flag.flip'
        WHEN n * 11 % 10 = 6 THEN 'console.flag.reconciled'
        WHEN n * 11 % 10 < 9 THEN 'console.operator.signed_in'
        ELSE 'console.operator.elevated' END,
    CASE WHEN n * 11 % 10 < 7 THEN 'feature_flag' ELSE 'operator' END,
    CASE WHEN n * 11 % 10 < 7 THEN {flag} ELSE {actor} END,
    CASE WHEN n * 11 % 10 < 6 THEN '{{"flag": "' || {flag} || '", "env": "'
            || CASE WHEN n % 3 = 0 THEN 'prod' ELSE 'staging' END || '", "from": '
            || CASE WHEN n % 4 < 2 THEN 'true, "to": false}}' ELSE 'false, "to": true}}' END
        WHEN n * 11 % 10 = 6 THEN '{{"flag": "' || {flag} || '", "env": "'
            || CASE WHEN n % 3 = 0 THEN 'prod' ELSE 'staging' END || '", "value": true}}'
        ELSE '{{"by": "totp"}}' END{json},
    CASE WHEN n % 50 = 0 THEN '{{"incident": "INC-' || (n / 50 % 5000)
            || '", "reason": "made up", "request_id": "request-' || n || '"}}'
        WHEN n % 20 > 4 THEN '{{"request_id": "request-' || n || '", "address": "10.0.0.1"}}'
        ELSE '{{}}' END{json}
"""
SQLITE = (
    "WITH RECURSIVE numbers (n) AS "
    "(SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}) {row} FROM numbers"
)
POSTGRES = "{row} FROM generate_series({first}, {last}) AS n"


def fill(rows: int) -> None:
    """Append `rows` rows to the log of the default database, spread over SPAN up to now."""
    from audit.models import AuditEntry

    # Page indexes built at once take a tenth of the time that as many insertions into them take.
    indexes = AuditEntry._meta.indexes
    with connection.schema_editor() as editor:
        for index in indexes:
            editor.remove_index(AuditEntry, index)
    for first in range(1, rows + 1, CHUNK):
        insert(first, min(first + CHUNK - 1, rows), rows)
    with connection.schema_editor() as editor:
        for index in indexes:
            editor.add_index(AuditEntry, index)
    with connection.cursor() as cursor:
        cursor.execute(
            "VACUUM ANALYZE console_audit_log" if connection.vendor == "postgresql" else "ANALYZE"
        )


def insert(first: int, last: int, rows: int) -> None:
    start = (datetime.now(UTC) - SPAN).strftime("%Y-%m-%d %H:%M:%S")
    step = SPAN.total_seconds() / rows
    words = {"actor": ACTOR, "flag": FLAG}
    if connection.vendor == "postgresql":
        moment = f"timestamptz '{start}+00' + n * {step} * interval '1 second'"
        row, select = ROW.format(moment=moment, json="::jsonb", **words), POSTGRES
    else:
        moment = f"strftime('%Y-%m-%d %H:%M:%f', julianday('{start}') + n * {step} / 86400.0)"
        row, select = ROW.format(moment=moment, json="", **words), SQLITE
    with connection.cursor() as cursor:
        numbers = select.format(row=row, first=first, last=last)
        cursor.execute(f"INSERT INTO console_audit_log ({COLUMNS}) {numbers}")


def main() -> int:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("database_url")
    parser.add_argument("rows", type=int)
    asked = parser.parse_args()
    os.environ["TEST_DATABASE_URL"] = asked.database_url
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    fill(asked.rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
