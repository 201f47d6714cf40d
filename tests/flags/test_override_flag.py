"""`flags.testing.override_flag`: decorator and context manager; whom it holds for."""

import asyncio
import contextlib
import contextvars
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import transaction
from django.template import Context, Template

import flags
from flags import overriding, runtime
from flags.models import FeatureFlag
from flags.testing import override_flag

KEY, OTHER = "console_billing", "raptor_cursor_paging"  # off and on by default


@pytest.fixture(autouse=True)
def _nothing_leaks():
    yield
    assert overriding.in_force() == []
    assert overriding.answer(KEY) is None


@pytest.fixture
def off(db):
    """Without any override: off."""


# --- as a context manager ---


def test_it_holds_in_the_block_and_not_after_it(off):
    assert flags.is_on(KEY) is False
    with override_flag(KEY, True):
        assert flags.is_on(KEY) is True
    assert flags.is_on(KEY) is False


def test_it_asks_no_database():
    """This test may not use one."""
    with override_flag(KEY, True):
        assert flags.is_on(KEY) is True
        assert flags.explain(KEY).value is True


def test_it_wins_over_every_layer_and_writes_nothing(off, monkeypatch, django_assert_num_queries):
    FeatureFlag.objects.create(flag_key=KEY, env="staging", value=1)
    monkeypatch.setenv("FLAG_CONSOLE_BILLING", "1")
    with django_assert_num_queries(0), override_flag(KEY, False):
        assert flags.is_on(KEY) is False
    assert flags.is_on(KEY) is True


def test_explain_says_that_it_is_an_override_and_asks_no_layer_but_the_declaration():
    with override_flag(OTHER, False):
        said = flags.explain(OTHER)
    assert (said.value, said.source) == (False, "override")
    assert said.layers == {"db": None, "env": None, "yaml": True}


def test_the_template_tag_heeds_it():
    template = Template('{% load flags %}{% if_flag "console_billing" %}on{% endif_flag %}')
    with override_flag(KEY, True):
        assert template.render(Context()) == "on"


def test_an_is_on_that_was_imported_by_name_heeds_it():
    from flags import is_on

    with override_flag(KEY, True):
        assert is_on(KEY) is True


def test_they_nest_and_each_gives_back_what_was_before():
    with override_flag(KEY, True):
        with override_flag(KEY, False):
            with override_flag(OTHER, False):
                assert (flags.is_on(KEY), flags.is_on(OTHER)) == (False, False)
            assert flags.is_on(KEY) is False
        assert flags.is_on(KEY) is True


def test_overlapping_ones_end_in_any_order(off):
    one, two, three = override_flag(KEY, True), override_flag(KEY, False), override_flag(KEY, True)
    for each in (one, two, three):
        each.__enter__()
    two.__exit__()
    assert flags.is_on(KEY) is True
    three.__exit__()
    assert flags.is_on(KEY) is True
    one.__exit__()
    assert flags.is_on(KEY) is False


def test_one_object_may_be_entered_again_within_itself(off):
    override = override_flag(KEY, True)
    with override, override:
        assert flags.is_on(KEY) is True
    assert flags.is_on(KEY) is False


def test_an_error_in_the_block_ends_it(off):
    with pytest.raises(ZeroDivisionError), override_flag(KEY, True):
        1 / 0  # noqa: B018
    assert flags.is_on(KEY) is False


def test_an_undeclared_key_is_refused_as_it_begins_and_overrides_nothing():
    override = override_flag("no_such_flag", True)
    with pytest.raises(flags.UndeclaredFlag), override:
        pytest.fail("it began")


@pytest.mark.parametrize("value", [1, 0, None, "on"])
def test_a_value_that_is_no_bool_is_refused(value):
    with pytest.raises(TypeError, match="takes True or False"):
        override_flag(KEY, value)


def test_in_nested_atomic_blocks_it_ends_with_its_own_block_whatever_is_rolled_back(off):
    with transaction.atomic():
        with override_flag(KEY, True):
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                FeatureFlag.objects.create(flag_key=KEY, env="staging", value=0)
                assert flags.is_on(KEY) is True
                1 / 0  # noqa: B018
            assert flags.is_on(KEY) is True
            FeatureFlag.objects.create(flag_key=OTHER, env="staging", value=0)
        assert (flags.is_on(KEY), flags.is_on(OTHER)) == (False, False)
        transaction.set_rollback(True)
    assert flags.is_on(OTHER) is True


# --- threads and tasks ---


def test_a_thread_without_one_of_its_own_sees_the_latest_of_the_process(off):
    with ThreadPoolExecutor(1) as pool, override_flag(KEY, True):
        assert pool.submit(flags.is_on, KEY).result() is True
        with override_flag(KEY, False):
            assert pool.submit(flags.is_on, KEY).result() is False
        assert pool.submit(flags.is_on, KEY).result() is True


def test_threads_that_override_the_same_flag_each_see_their_own():
    at_once, wrong = threading.Barrier(8, timeout=30), []

    def work(number: int) -> None:
        value = number % 2 == 0
        at_once.wait()
        for _ in range(300):
            with override_flag(KEY, value):
                if flags.is_on(KEY) is not value or flags.explain(KEY).value is not value:
                    wrong.append(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert wrong == []


def test_threads_that_share_one_object_each_end_their_own(off):
    shared = override_flag(KEY, True)
    begun, go_on = threading.Event(), threading.Event()

    def work() -> bool:
        with shared:
            begun.set()
            go_on.wait(30)
            return overriding.answer(KEY) is True and flags.is_on(KEY)

    with ThreadPoolExecutor(1) as pool:
        shared.__enter__()
        other = pool.submit(work)
        assert begun.wait(30)
        shared.__exit__()
        context = contextvars.copy_context()
        assert context.run(lambda: overriding._own.get()) == ()
        go_on.set()
        assert other.result(30) is True


@pytest.mark.asyncio
async def test_tasks_that_override_the_same_flag_each_see_their_own():
    async def work(value: bool) -> set[bool]:
        seen = set()
        for _ in range(50):
            async with override_flag(KEY, value):
                seen.add(flags.is_on(KEY))
                await asyncio.sleep(0)
                seen.add(flags.is_on(KEY))
        return seen

    found = await asyncio.gather(*(work(number % 2 == 0) for number in range(10)))
    assert found == [{True}, {False}] * 5


@pytest.mark.asyncio
async def test_what_is_started_within_sees_it_and_does_not_outlive_it():
    ended, answers = asyncio.Event(), []

    async def started() -> None:
        answers.append(flags.is_on(KEY))
        await ended.wait()
        answers.append(overriding.answer(KEY))

    async with override_flag(KEY, True):
        task = asyncio.create_task(started())
        answers.append(await asyncio.to_thread(flags.is_on, KEY))
        await asyncio.sleep(0)
    ended.set()
    await task
    assert answers == [True, True, None]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_has_the_override_and_can_begin_its_own():
    with override_flag(KEY, True), overriding._lock:
        child = os.fork()
        if child == 0:  # pragma: no cover - in the child
            signal.alarm(20)  # ends it where a lock that nobody holds stops it
            with override_flag(OTHER, False):
                good = flags.is_on(KEY) is True and flags.is_on(OTHER) is False
            os._exit(0 if good else 1)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


# --- as a decorator ---


def test_a_function_keeps_its_name_its_arguments_and_its_answer(off):
    @override_flag(KEY, True)
    def asked(one: int, *, two: int) -> tuple[bool, int]:
        """Its text."""
        return flags.is_on(KEY), one + two

    assert asked(1, two=2) == (True, 3)
    assert (asked.__name__, asked.__doc__) == ("asked", "Its text.")
    assert flags.is_on(KEY) is False


@override_flag(KEY, True)
@override_flag(KEY, False)
@override_flag(OTHER, False)
def test_the_one_next_to_the_function_wins_and_fixtures_are_given(tmp_path):
    assert (flags.is_on(KEY), flags.is_on(OTHER), tmp_path.is_dir()) == (False, False, True)


@pytest.mark.asyncio
@override_flag(KEY, True)
async def test_a_coroutine_function_stays_one():
    await asyncio.sleep(0)
    assert flags.is_on(KEY) is True


@pytest.mark.asyncio
async def test_calls_of_one_decorated_function_that_overlap_end_each_by_itself():
    @override_flag(KEY, True)
    async def wait(seconds: float) -> bool:
        await asyncio.sleep(seconds)
        return flags.is_on(KEY)

    assert await asyncio.gather(wait(0.01), wait(0), wait(0.005)) == [True] * 3
    assert overriding.answer(KEY) is None


def test_a_generator_is_overridden_until_its_end():
    @override_flag(KEY, True)
    def asked():
        yield flags.is_on(KEY)
        return "its end"

    generator = asked()
    assert next(generator) is True
    with pytest.raises(StopIteration, match="its end"):
        next(generator)
    assert overriding.answer(KEY) is None


@pytest.mark.asyncio
async def test_so_is_an_async_generator():
    @override_flag(KEY, True)
    async def asked():
        yield flags.is_on(KEY)

    assert [each async for each in asked()] == [True]


@pytest.mark.asyncio
async def test_an_async_generator_that_is_left_early_ends_within_its_override(off):
    seen = []

    @contextlib.asynccontextmanager
    @override_flag(KEY, True)
    async def asked():
        try:
            yield
        finally:
            seen.append(flags.is_on(KEY))

    with pytest.raises(ZeroDivisionError):
        async with asked():
            1 / 0  # noqa: B018
    assert seen == [True]
    assert overriding.answer(KEY) is None


def test_the_flag_is_held_by_the_table_again_afterwards():
    """A store with its table: while overridden, each read is a miss; else it is a look-up."""
    values = runtime.values
    with override_flag(KEY, True):
        values.fill({KEY: False, OTHER: True})
        assert KEY not in values
        assert OTHER in values
    values.fill({KEY: False})
    assert KEY in values
    values.clear()
