"""`manage.py migrate`, backwards: the log is kept for ever, and its triggers with it."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.recorder import MigrationRecorder

from audit import triggers
from tests.audit.attacks import LOG, TARGETS, execute, kept
from tests.audit.flag_rows import raw_row
from tests.audit.test_record import write
from tests.processes.server import manage

pytestmark = pytest.mark.django_db(transaction=True)

# accounts takes the log with it: the log names its operators.
BACKWARDS = [("audit", "zero"), ("audit", "0001"), ("accounts", "zero")]


def all_is_there(before) -> None:
    assert triggers.missing(connection) == []
    assert kept() == before
    for target in TARGETS:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            execute(f"DELETE FROM {target.table}")


@pytest.mark.parametrize("where", BACKWARDS, ids="-".join)
@pytest.mark.parametrize("how", [(), ("--fake",)], ids=["", "fake"])
def test_the_log_is_not_migrated_away(where, how):
    write()
    raw_row()
    before, applied = kept(), set(MigrationRecorder(connection).applied_migrations())
    with pytest.raises(IrreversibleError) as refused:
        call_command("migrate", *where, *how, verbosity=0)
    assert str(refused.value) == triggers.STAYS
    assert set(MigrationRecorder(connection).applied_migrations()) == applied
    all_is_there(before)


@pytest.mark.parametrize("where", BACKWARDS, ids="-".join)
def test_nor_from_a_shell_which_is_told_why(where):
    write()
    before = kept()
    done = manage("migrate", *where, check=False)
    assert done.returncode != 0
    assert triggers.STAYS in done.stderr
    all_is_there(before)


def test_a_migration_cannot_be_undone_by_its_own_means_either():
    """Where `migrate` is not what runs it."""
    from django.db.migrations.executor import MigrationExecutor

    write()
    before = kept()
    executor = MigrationExecutor(connection)
    with pytest.raises(IrreversibleError) as refused:
        executor.migrate([("audit", "0001_initial")])
    assert str(refused.value) == triggers.STAYS
    all_is_there(before)
    assert LOG.table in connection.introspection.table_names()
