"""`flags.is_on()` leaves the caller's connection and transaction alone."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

import flags
from accounts.models import User
from tests.processes import raw_sql
from tests.processes.application import application
from tests.processes.flipping import flip, flip_and_read
from tests.timed import in_time

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "console_billing"


@pytest.fixture
def process():
    with application() as process:
        yield process


def first_read_while_this_process_writes() -> tuple[bool, int]:
    """The answer, and how many queries it sent over the caller's connection."""
    with transaction.atomic():
        User.objects.create(username="not committed")
        with CaptureQueriesContext(connection) as queries:
            value = flags.is_on(KEY)
        transaction.set_rollback(True)
    return value, len(queries)


def read_in_an_aborted_transaction() -> tuple[bool, bool]:
    """The answer, and whether the transaction still refuses queries after it."""
    with transaction.atomic():
        try:
            with transaction.atomic(savepoint=False), connection.cursor() as cursor:
                cursor.execute("SELECT * FROM no_such_table")
        except DatabaseError:
            value = flags.is_on(KEY)
        try:
            User.objects.exists()
        except transaction.TransactionManagementError:
            still_aborted = True
        else:
            still_aborted = False
    return value, still_aborted


def read_after_a_failed_statement() -> bool:
    """As above by the driver alone: PostgreSQL, and not Django, has aborted the transaction."""
    with transaction.atomic():
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT * FROM no_such_table")
        except DatabaseError:
            pass
        value = flags.is_on(KEY)
        transaction.set_rollback(True)
    return value


def read_before_and_after_the_commit_of_a_flip() -> tuple[bool, bool]:
    flags.is_on(KEY)
    with transaction.atomic():
        before = flip_and_read(KEY, True)
    return before, flags.is_on(KEY)


def read_after_a_flip_that_was_rolled_back() -> bool:
    flags.is_on(KEY)
    with transaction.atomic():
        flip(KEY, True)
        transaction.set_rollback(True)
    return flags.is_on(KEY)


def test_the_first_read_inside_atomic_is_right_and_sends_nothing_through_it(process):
    raw_sql.set_row(KEY, 1)
    answer, seconds = process.timed(first_read_while_this_process_writes)
    assert answer == [True, 0]
    assert not User.objects.exists()
    # On SQLite the caller holds the write lock meanwhile; the store does not wait for it, as it
    # would for 2 s.
    with in_time():
        assert seconds < 2


def test_a_read_in_an_aborted_transaction_answers_and_mends_nothing(process):
    raw_sql.set_row(KEY, 1)
    assert process.call(read_in_an_aborted_transaction) == [True, True]


def test_a_read_after_a_failed_statement_answers(process):
    raw_sql.set_row(KEY, 1)
    assert process.call(read_after_a_failed_statement) is True


def test_a_flip_is_read_after_its_commit_and_not_before(process):
    assert process.call(read_before_and_after_the_commit_of_a_flip) == [False, True]


def test_a_flip_that_is_rolled_back_is_never_read(process):
    assert process.call(read_after_a_flip_that_was_rolled_back) is False
