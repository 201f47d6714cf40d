"""Who stands in the way of a flip is found, and nobody else is named."""

import re
from contextlib import closing

import psycopg2
import pytest
from django.db import OperationalError, connection

from audit.sealing import LOCK
from flags.heroku.blocked import unblocking
from flags.models import FeatureFlag
from tests.processes.server import database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("declared")]


def failed(code: str) -> OperationalError:
    error = OperationalError("it was given up")
    error.__cause__ = type("FromTheDriver", (Exception,), {"pgcode": code})()
    return error


def holders() -> list[int]:
    """The pids that the step's query names."""
    [step] = unblocking(failed("55P03"))
    with connection.cursor() as cursor:
        cursor.execute(step.lines[0])
        return [pid for pid, *_ in cursor.fetchall()]


@pytest.mark.parametrize("code", ["57014", "08006", ""])
def test_where_nobody_holds_anything_nobody_is_looked_for(code):
    assert list(unblocking(failed(code))) == []
    assert list(unblocking(None)) == []


if connection.vendor == "sqlite":

    def test_of_a_file_it_is_another_process():
        error = OperationalError("database is locked")
        error.__cause__ = type("D", (Exception,), {"sqlite_errorname": "SQLITE_BUSY"})()
        [step] = unblocking(error)
        assert "another process writes to the file" in step.says[0]
        assert step.lines == ()

else:

    @pytest.mark.parametrize(
        "held",
        [
            "UPDATE console_feature_flags SET value = 1",
            "SELECT * FROM console_feature_flags FOR UPDATE",
            "LOCK TABLE console_audit_log",
            "LOCK TABLE console_audit_chain",
            f"SELECT pg_advisory_xact_lock({LOCK})",
        ],
    )
    def test_each_lock_that_a_flip_waits_for_names_its_holder_and_no_reader(held):
        FeatureFlag.objects.create(flag_key="console_billing", env="staging", value=1)
        with closing(psycopg2.connect(database_url())) as reader:
            reader.cursor().execute("SELECT * FROM console_feature_flags")
            assert holders() == []
            with closing(psycopg2.connect(database_url())) as holder:
                holder.cursor().execute(held)
                assert holders() == [holder.info.backend_pid]

    def test_its_second_line_ends_a_session():
        [step] = unblocking(failed("40P01"))
        assert re.fullmatch(r"SELECT pg_terminate_backend\(<pid>\);", step.lines[1])
