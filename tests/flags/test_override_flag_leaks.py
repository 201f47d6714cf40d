"""No override leaks from one test into another: with the store's thread, in a live server, in
asynchronous tests, and under pytest-xdist."""

import asyncio
import os
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError

import pytest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path

import flags
from flags import overriding, runtime
from flags.decorators import flag_required
from flags.models import FeatureFlag
from flags.testing import override_flag
from tests.processes.server import ROOT

KEY, OTHER = "console_billing", "raptor_cursor_paging"  # off and on by default


@flag_required(KEY)
def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("there")


urlpatterns = [path("page", page)]


@pytest.fixture
def threaded(transactional_db):
    """The store as a process has it: its thread, its own connection, the table that is read."""
    inline = runtime.replace_store(None)
    store = runtime.store()
    assert flags.is_on(OTHER) is True
    assert {KEY, OTHER} <= set(runtime.values)
    yield store
    assert overriding.in_force() == []
    runtime.replace_store(inline)
    store.stop()


def test_what_the_thread_loads_meanwhile_overrides_nothing(threaded):
    with override_flag(KEY, True):
        FeatureFlag.objects.create(flag_key=KEY, env="staging", value=0)
        FeatureFlag.objects.create(flag_key=OTHER, env="staging", value=0)
        threaded.invalidate()
        assert (flags.is_on(KEY), flags.is_on(OTHER)) == (True, False)
        FeatureFlag.objects.filter(flag_key=OTHER).update(value=1)
        threaded.invalidate()
        assert (flags.is_on(KEY), flags.is_on(OTHER)) == (True, True)
    assert flags.is_on(KEY) is False
    threaded.invalidate()
    assert runtime.values[KEY] is False
    assert KEY in runtime.values


def test_it_outlives_the_store_that_it_began_over(threaded):
    """A store may be replaced within it, as `inline_store` does."""
    with override_flag(KEY, True):
        before = runtime.replace_store(None)
        try:
            assert flags.is_on(KEY) is True
            assert flags.is_on(OTHER) is True
        finally:
            runtime.replace_store(before).stop()
        assert flags.is_on(KEY) is True
    assert flags.is_on(KEY) is False


def test_in_nested_atomic_blocks_with_the_thread(threaded):
    with transaction.atomic(), override_flag(KEY, True):
        with transaction.atomic(), override_flag(KEY, False):
            assert flags.is_on(KEY) is False
        assert flags.is_on(KEY) is True
        transaction.set_rollback(True)
    assert flags.is_on(KEY) is False


@pytest.mark.asyncio
async def test_tasks_and_threads_at_once_with_the_thread(threaded):
    async def task(value: bool) -> bool:
        for _ in range(30):
            async with override_flag(KEY, value):
                await asyncio.sleep(0)
                if flags.is_on(KEY) is not value:
                    return False
        return True

    def thread(value: bool) -> bool:
        for _ in range(100):
            with override_flag(KEY, value):
                if flags.is_on(KEY) is not value:
                    return False
        return True

    def invalidating() -> bool:
        for _ in range(10):
            threaded.invalidate()
        return True

    with ThreadPoolExecutor(3) as pool:
        loop = asyncio.get_running_loop()
        work = [loop.run_in_executor(pool, thread, value) for value in (True, False)]
        work.append(loop.run_in_executor(pool, invalidating))
        tasks = [task(number % 2 == 0) for number in range(6)]
        assert all(await asyncio.gather(*work, *tasks))
    assert flags.is_on(KEY) is False


# --- a live server: its threads have no override of their own ---


def status(live_server) -> int:
    try:
        with urllib.request.urlopen(f"{live_server.url}/page", timeout=30) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


@pytest.fixture
def server(settings, live_server):
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    return live_server


@pytest.mark.parametrize("turn", [1, 2], ids=["first", "second"])
def test_a_live_server_sees_it_while_it_holds_and_no_longer(threaded, server, turn):
    assert status(server) == 404
    with override_flag(KEY, True):
        assert status(server) == 200
        with override_flag(KEY, False):
            assert status(server) == 404
        assert status(server) == 200
    assert status(server) == 404


@pytest.mark.django_db(transaction=True)
def test_a_live_server_with_the_inline_store(server):
    with override_flag(KEY, True):
        assert status(server) == 200
    assert status(server) == 404


# --- the fixture, in a project of its own, under xdist ---

PROJECT = """\
import asyncio
import pytest
import flags
from flags.testing import override_flag as until_the_block_ends

KEY = "console_billing"
MANY = pytest.mark.parametrize("number", range(6))

@pytest.fixture(autouse=True)
def nothing_leaks():
    assert flags.is_on(KEY) is False
    yield

@MANY
def test_until_the_test_ends(override_flag, number):
    override_flag(KEY, True)
    assert flags.is_on(KEY) is True
    override_flag(KEY, number % 2 == 0)
    assert flags.is_on(KEY) is (number % 2 == 0)

@MANY
def test_until_the_block_ends(override_flag, number):
    with override_flag(KEY, True):
        assert flags.is_on(KEY) is True
    assert flags.is_on(KEY) is False
    with until_the_block_ends(KEY, True):
        assert flags.is_on(KEY) is True

@MANY
@pytest.mark.asyncio
async def test_asynchronous(override_flag, number):
    override_flag(KEY, True)
    await asyncio.sleep(0)
    assert flags.is_on(KEY) is True
    assert await asyncio.to_thread(flags.is_on, KEY) is True

@pytest.fixture
async def overridden_meanwhile():
    async with until_the_block_ends(KEY, True):
        yield

@MANY
@pytest.mark.asyncio
async def test_from_an_asynchronous_fixture(overridden_meanwhile, number):
    await asyncio.sleep(0)
    assert flags.is_on(KEY) is True

@MANY
def test_that_fails(override_flag, number):
    override_flag(KEY, True)
    with pytest.raises(flags.UndeclaredFlag):
        override_flag("no_such_flag", True)
    pytest.fail("on purpose")

@MANY
def test_without(number):
    assert flags.is_on(KEY) is False
"""
CONFTEST = 'pytest_plugins = ["flags.pytest_plugin"]'


def test_under_xdist_and_in_asynchronous_tests_and_fixtures(tmp_path):
    """A project that loads the plugin. Its flags come from the store's thread, which finds no
    database: that is not what this is about."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_project.py").write_text(PROJECT)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
    command += ["-o", "asyncio_mode=auto", "-c", str(ROOT / "pyproject.toml"), str(tmp_path)]
    # No others: each would cost three processes its import.
    plugins = ("xdist.plugin", "pytest_asyncio.plugin", "pytest_django.plugin", "pytest_timeout")
    plugins += ("pytest_rerunfailures",)
    command += [word for name in plugins for word in ("-p", name)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=170)
    assert "6 failed, 30 passed" in done.stdout, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.count("Failed: on purpose") >= 6
