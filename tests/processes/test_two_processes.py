"""A change in one process is seen by `flags.is_on()` in another within the TTL."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.utils import timezone

import flags
from flags.models import FeatureFlag
from flags.services import Outcome
from tests.processes import raw_sql
from tests.processes.application import application
from tests.processes.flipping import flip, flip_and_read
from tests.processes.server import manage
from tests.timed import in_time

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "console_billing"
OTHER = "email_digest_weekly"


def flip_by_application_code() -> None:
    with application() as flipper:
        assert flipper.call(flip, KEY, True) == Outcome.FLIPPED


def flip_by_command() -> None:
    manage("flag_flip", KEY, "on", "--env", "staging", "--reason", "launch")


def is_on_in_a_thread(key: str) -> bool:
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(flags.is_on, key).result()


def is_on_in_a_coroutine(key: str) -> bool:
    async def view() -> bool:
        return flags.is_on(key)

    return asyncio.run(view())


@pytest.mark.parametrize("flip_elsewhere", [flip_by_application_code, flip_by_command])
def test_a_flip_in_one_process_is_seen_by_another_within_the_ttl(flip_elsewhere):
    with application(FLAGS_TTL_SECONDS="3") as reader:
        assert reader.call(flags.is_on, KEY) is False
        flip_elsewhere()
        took = reader.turns(KEY, True)
        # From before the commit: the row carries the moment at which the flip began.
        seen_after = timezone.now() - FeatureFlag.objects.get(flag_key=KEY).updated_at
        assert reader.call(flags.is_on, OTHER) is False
        with in_time():
            assert took < 3
            assert seen_after < timedelta(seconds=3)


def test_with_the_default_ttl_a_flip_is_seen_within_30_seconds():
    with application() as reader, application() as flipper:
        assert reader.call(flags.is_on, KEY) is False
        flipper.call(flip, KEY, True)
        took = reader.turns(KEY, True)
        seen_after = timezone.now() - FeatureFlag.objects.get().updated_at
        with in_time():
            assert took < 30
            assert seen_after < timedelta(seconds=30)


def test_a_flip_is_seen_at_once_by_the_process_that_made_it():
    # The TTL is the default: no refresh of its own is due while this test runs.
    with application() as process:
        assert process.call(flags.is_on, KEY) is False
        wanted = [True, False] * 5
        assert [process.call(flip_and_read, KEY, value) for value in wanted] == wanted


@pytest.mark.parametrize(
    "reading",
    [flags.is_on, is_on_in_a_thread, is_on_in_a_coroutine],
    ids=["main thread", "thread", "coroutine"],
)
def test_a_change_by_raw_sql_is_seen_within_the_ttl_wherever_it_is_asked(reading):
    with application(FLAGS_TTL_SECONDS="3") as reader:
        assert reader.call(reading, KEY) is False
        raw_sql.set_row(KEY, 1)
        with in_time():
            assert reader.turns(KEY, True, reading) < 3


def test_a_row_that_raw_sql_deletes_gives_way_to_the_next_layer():
    raw_sql.set_row(KEY, 0)
    with application(FLAGS_TTL_SECONDS="1", FLAG_CONSOLE_BILLING="on") as reader:
        assert reader.call(flags.is_on, KEY) is False
        raw_sql.change(f"DELETE FROM console_feature_flags WHERE flag_key='{KEY}'")
        with in_time():
            assert reader.turns(KEY, True) < 3


def test_a_flip_of_the_other_environment_is_not_seen():
    with application(FLAGS_TTL_SECONDS="1") as reader:
        assert reader.call(flags.is_on, KEY) is False
        manage("sync_flags", "--env", "prod")
        manage("flag_flip", KEY, "on", "--env", "prod", "--reason", "launch")
        # Committed after it: once this one is seen, that one was read too.
        raw_sql.set_row(OTHER, 1)
        took = reader.turns(OTHER, True)
        assert reader.call(flags.is_on, KEY) is False
        with in_time():
            assert took < 3
