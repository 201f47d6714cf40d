"""Acts that wait for each other's rows do not do so while they hold the chain."""

import threading

import pytest
from django.db import connection

from accounts.roles import Role
from accounts.services import change_role, create_operator
from audit.actor import Actor, Channel
from tests.conftest import PASSWORD, console_actor, make_user

pytestmark = pytest.mark.django_db(transaction=True)
ACTS = 12


def test_new_superadmins_and_changes_of_roles_do_not_deadlock(declared):
    """A new one's foreign key waits for the group's row at the latest when it commits."""
    alice, bob = make_user("alice", Role.SUPERADMIN), make_user("bob", Role.OPS)
    shell, failures = Actor(Channel.CLI, "root (shell)"), []

    def creating() -> None:
        for number in range(ACTS):
            create_operator(f"erin-{number}", PASSWORD, Role.SUPERADMIN, actor=shell)

    def changing() -> None:
        actor = console_actor(alice, elevated=True)
        for number in range(ACTS):
            role = Role.READONLY if number % 2 == 0 else Role.OPS
            change_role(bob, role, actor=actor)

    def run(act) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in (creating, changing)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []
