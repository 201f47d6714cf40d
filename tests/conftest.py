"""Personas, declared flags, and a store that reads through the test's connection."""

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connections
from django.test import Client, TransactionTestCase
from psycopg2 import extensions

from accounts.models import User
from accounts.roles import Role
from audit import triggers
from audit.actor import Actor, Channel
from flags import runtime
from flags.ofrep import process
from flags.ofrep.limits import Buckets
from flags.ofrep.live import LiveTokens
from flags.sync import sync_flags
from flags.testing import inline_store

PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="session", autouse=True)
def _flush_may_empty_the_log():
    """A `transaction=True` test ends with a flush, which the append-only triggers refuse."""
    teardown = TransactionTestCase._fixture_teardown

    def without_triggers(case):
        triggers.uninstall(connections["default"])
        try:
            teardown(case)
        finally:
            triggers.install(connections["default"])

    TransactionTestCase._fixture_teardown = without_triggers
    yield
    TransactionTestCase._fixture_teardown = teardown


@pytest.fixture(autouse=True)
def _inline_store():
    with inline_store():
        yield


@pytest.fixture(autouse=True)
def _as_in_a_new_process():
    """Tests of a worker share a process. A command that bounds its waits has psycopg2 wait by a
    function of ours, for as long as that lives, and COPY cannot be used then."""
    yield
    extensions.set_wait_callback(None)


@pytest.fixture(autouse=True)
def _fresh_ofrep(monkeypatch):
    """What a process knows of tokens and of those who ask is another one's for each test."""
    buckets = dict.fromkeys(("uses", "refusals", "refusals_logged"), Buckets)
    for name, kept in {"live_tokens": LiveTokens, **buckets}.items():
        monkeypatch.setattr(process, name, kept())


def make_user(name: str, role: Role | None = None, **fields) -> User:
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True, **fields)
    if role:
        user.groups.add(Group.objects.get(name=role.value))
    return user


def client_of(user: User, **options) -> Client:
    client = Client(**options)
    client.force_login(user)
    return client


def declare_both() -> None:
    """Have both environments as after the release phase."""
    for env in settings.ENVIRONMENTS:
        sync_flags(runtime.declared(), env, release="v1")


@pytest.fixture
def declared(db):
    """Both environments as after the release phase."""
    declare_both()


@pytest.fixture
def superadmin(declared) -> User:
    return make_user("alice", Role.SUPERADMIN)


@pytest.fixture
def ops(declared) -> User:
    return make_user("bob", Role.OPS)


@pytest.fixture
def support(declared) -> User:
    return make_user("carol", Role.SUPPORT)


@pytest.fixture
def readonly(declared) -> User:
    return make_user("dave", Role.READONLY)


@pytest.fixture
def superuser(declared) -> User:
    """Django's own superuser: passes every permission check, and has no role."""
    return make_user("root", is_superuser=True)


def console_actor(user: User, *, elevated: bool = False) -> Actor:
    return Actor(Channel.CONSOLE, user.get_username(), user, elevated)
