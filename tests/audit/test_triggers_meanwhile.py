"""Installing the triggers while the log is in use, or while another deployment installs them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.db import connection, connections, transaction

from audit import triggers
from audit.models import AuditEntry
from tests.audit.attacks import LOG, execute
from tests.audit.flag_rows import KEY, turn
from tests.audit.test_triggers_installed import take_off
from tests.processes import raw_sql
from tests.processes.server import database_url

pytestmark = pytest.mark.django_db(transaction=True)


def install() -> None:
    """In a thread: on a connection of its own, as another deployment."""
    with closing(connections["default"]):
        triggers.install(connections["default"])


def test_two_deployments_may_install_at_once(monkeypatch):
    triggers.uninstall(connection)
    looked, look = threading.Barrier(2), triggers.missing

    def both_look_first(*args):
        found = look(*args)
        looked.wait(30)
        return found

    monkeypatch.setattr(triggers, "missing", both_look_first)
    with ThreadPoolExecutor() as threads:
        for done in [threads.submit(install) for _ in range(2)]:
            done.result(60)
    monkeypatch.undo()
    assert triggers.missing(connection) == []


def test_where_all_is_in_place_an_open_writer_holds_up_nothing():
    with closing(raw_sql._connect(database_url())) as writer, closing(writer.cursor()) as cursor:
        cursor.execute(f"INSERT {LOG.insert()}")
        with ThreadPoolExecutor() as threads:
            threads.submit(install).result(5)
        writer.rollback()


def test_a_flip_that_has_begun_ends_before_the_triggers_are_put_back(ops):
    """Both would wait for each other if they came by the tables in different orders."""
    take_off("console_audit_chain_no_delete")
    with ThreadPoolExecutor() as threads:
        with transaction.atomic():
            execute("SELECT * FROM console_feature_flags")
            done = threads.submit(install)
            with pytest.raises(TimeoutError):
                done.result(1)
            turn(ops, True)
        done.result(30)
    assert triggers.missing(connection) == []
    assert AuditEntry.objects.get().payload["flag"] == KEY
