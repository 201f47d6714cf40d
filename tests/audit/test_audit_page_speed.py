"""However long the log: as many queries, each of which reads an index in the page's order."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.audit.rows import PAGE
from tests.bench.fill_log import insert
from tests.conftest import client_of

ROWS = 6_000
QUERIES = {
    "": "audit_by_time",
    "action=console.operator.elevated": "audit_by_action",
    "flag=flag_13": "audit_by_target",
    "actor=operator-6": "audit_by_actor",
    "channel=sql": "audit_by_channel",
    "env=prod": "audit_by_env",
    "since=2000-01-01": "audit_by_time",
    "q=INC-7": "audit_by_incident",
    "q=request-700": "audit_by_request",
    "q=operator-0": "audit_by_actor",
}
# Who acts and was acted upon: what two indexes give, each up to a limit, is sorted together.
SORTED = "q=operator-0"


@pytest.fixture
def log(db):
    insert(1, ROWS, ROWS)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def asked(client, query: str) -> list[str]:
    """The queries of the page that look for entries in the log."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(f"{PAGE}?{query}").status_code == 200
    queries = [told["sql"] for told in captured if '"console_audit_log"' in told["sql"]]
    # Not those that read the page's rows by their ids, or the last id.
    return [sql for sql in queries if "MAX(" not in sql and '"id" IN (' not in sql]


def plan_of(sql: str) -> str:
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {sql}".replace("%", "%%"), [])
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def plan_as_for_millions(index: str) -> None:
    """On thousands of rows PostgreSQL knows quicker ways: all of them sorted, or by time.

    Whether the index can serve, and in the page's order, shows where those are closed.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for way in ("seqscan", "sort", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        if index != "audit_by_time":
            cursor.execute("DROP INDEX audit_by_time")


def walks_the_log(plan: str) -> bool:
    """Whether all rows are read, and not by an index; the log's last id alone is read for MAX."""
    lines = [line.strip(" ->") for line in plan.splitlines()]
    return any(
        line.startswith("Seq Scan on console_audit_log") or line == "SCAN console_audit_log"
        for line in lines
    )


def sorts_before_it_stops(plan: str) -> bool:
    """Whether rows are sorted to find the newest: what the limit left may be grouped by day."""
    sqlite = "TEMP B-TREE FOR ORDER BY" in plan
    return sqlite or ("Limit" in plan and "Sort" in plan.split("Limit", 1)[1])


@pytest.mark.parametrize(("query", "index"), QUERIES.items())
def test_a_page_is_read_off_an_index_in_its_order(log, ops, query, index):
    client = client_of(ops)
    plan_as_for_millions(index)
    plans = {sql: plan_of(sql) for sql in asked(client, query)}
    if not query.startswith("q="):
        assert [sql for sql, plan in plans.items() if index not in plan] == []
    assert any(index in plan for plan in plans.values())
    assert [plan for plan in plans.values() if walks_the_log(plan)] == []
    sorting = [plan for plan in plans.values() if sorts_before_it_stops(plan)]
    assert sorting == [] or query == SORTED


def test_a_plan_without_an_index_would_be_seen(log):
    slow = "SELECT id FROM console_audit_log ORDER BY payload, context LIMIT 5"
    assert walks_the_log(plan_of(slow))
    assert sorts_before_it_stops(plan_of(slow))


@pytest.mark.parametrize("query", QUERIES)
def test_the_number_of_queries_is_the_same_for_a_short_and_a_long_log(db, ops, query):
    client = client_of(ops)
    insert(1, 1_500, ROWS)
    short = len(asked(client, query))
    insert(1_501, ROWS, ROWS)
    assert len(asked(client, query)) == short
