"""How many sealed rows `audit_verify` checks in a second."""

import statistics
import time

ROWS = 200_000
RUNS = 3
GOAL = 50_000

_INSERT = """
    INSERT INTO console_audit_log (
        created_at, actor, channel, action, target_type, target_id, payload, context, change_id
    )
    SELECT {moment}, 'bench', 'console', 'console.flag.filled', 'feature_flag',
        'flag_' || number % 32, {payload}, {context}, {uuid}
    FROM {numbers}
"""
_TEXTS = {
    "postgresql": {
        "numbers": f"generate_series(1, {ROWS}) AS number",
        "moment": "now() + number * interval '1 second'",
        "uuid": "gen_random_uuid()",
        "payload": "jsonb_build_object('flag', 'flag_' || number % 32, 'env', 'prod',"
        " 'from', number % 2 = 0, 'to', number % 2 = 1)",
        "context": "jsonb_build_object('request_id', gen_random_uuid(), 'address', '192.0.2.1',"
        " 'from_source', 'db')",
    },
    "sqlite": {
        "numbers": "(WITH RECURSIVE counted (number) AS (SELECT 1 UNION ALL"
        f" SELECT number + 1 FROM counted WHERE number < {ROWS}) SELECT number FROM counted)",
        "moment": "strftime('%Y-%m-%d %H:%M:%f', 'now', number || ' seconds')",
        "uuid": "lower(hex(randomblob(16)))",
        "payload": "json_object('flag', 'flag_' || number % 32, 'env', 'prod',"
        " 'from', json(iif(number % 2, 'false', 'true')),"
        " 'to', json(iif(number % 2, 'true', 'false')))",
        "context": "json_object('request_id', lower(hex(randomblob(16))),"
        " 'address', '192.0.2.1', 'from_source', 'db')",
    },
}


def main() -> None:
    began = time.perf_counter()
    fill()
    print(f"{ROWS:,} rows written and sealed in {time.perf_counter() - began:.1f} s", flush=True)
    rates = [verified_per_second() for _ in range(RUNS)]
    shown = ", ".join(f"{rate:,.0f}" for rate in rates)
    print(
        f"verification: {statistics.median(rates):,.0f} rows/s (median of {shown}; goal {GOAL:,})",
        flush=True,
    )


def fill() -> None:
    """Rows by one statement, their links by `sealing.adopt()`."""
    from django.db import connection, transaction

    from audit import sealing

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_INSERT.format(**_TEXTS[connection.vendor]))
            cursor.execute("SELECT max(id) FROM console_audit_log")
            (last,) = cursor.fetchone()
        sealing.adopt(last)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def verified_per_second() -> float:
    from audit.verification import Verification

    began = time.perf_counter()
    verification = Verification()
    for _ in verification.run():
        pass
    seconds = time.perf_counter() - began
    if not verification.report.ok or verification.report.checked < ROWS:
        raise RuntimeError(f"not what was to be measured: {verification.report.as_dict()}")
    return verification.report.checked / seconds


if __name__ == "__main__":
    import django

    django.setup()
    main()
