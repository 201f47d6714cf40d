"""Two superadmins take each other out at the same moment: one is always left."""

import json

import pytest
from django.contrib.auth.models import Group

from accounts.models import User
from accounts.roles import Role
from audit.models import AuditEntry
from tests.conftest import make_user
from tests.processes.server import program
from tests.sizes import size

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = size(12, 50)
PAIR = ("alice", "erin")
# Sets Django up once and forks both, so that they start at once. Each round they meet twice: before
# the act, and before one of them makes the other a superadmin again.
RACE = """
import json, multiprocessing, signal, sys
import django
django.setup()
fork = multiprocessing.get_context("fork")
together = fork.Barrier(2)
act, rounds = sys.argv[1], int(sys.argv[2])

def run(me, other):
    from django.contrib.auth.models import Group
    from accounts import services
    from accounts.models import User
    from accounts.refusals import ActRefused
    from accounts.roles import Role
    from audit.actor import Actor, Channel
    told = []
    for number in range(rounds):
        actor = Actor(Channel.CONSOLE, me, User.objects.get(username=me), True)
        actor.user.has_perm("accounts.manage_operators")
        target = User.objects.get(username=other)
        together.wait(30)
        try:
            if act == "demote":
                services.change_role(target, Role.OPS, actor=actor)
            else:
                services.set_active(target, False, actor=actor)
            told.append("done")
        except ActRefused as refused:
            told.append(type(refused).__name__)
        except Exception as error:
            told.append(repr(error))
        together.wait(30)
        superadmins = Group.objects.get(name="superadmin").user_set
        left = list(superadmins.filter(is_active=True).values_list("username", flat=True))
        told[-1] = [told[-1], left]
        together.wait(30)
        if me == "alice":
            for user in User.objects.all():
                user.groups.set([superadmins.instance])
            User.objects.update(is_active=True)
        together.wait(30)
    return told

signal.alarm(120)
with fork.Pool(2, signal.alarm, [120]) as pool:
    pair = ["alice", "erin"]
    json.dump(pool.starmap(run, [pair, pair[::-1]], 1), sys.stdout)
"""


@pytest.fixture
def pair(declared):
    for name in PAIR:
        make_user(name, Role.SUPERADMIN)


@pytest.mark.parametrize(
    ("act", "word"), [("demote", "role_changed"), ("deactivate", "deactivated")]
)
def test_of_two_who_take_each_other_out_one_succeeds_and_is_left(pair, act, word):
    with program(RACE, act, str(ROUNDS)) as process:
        output, _ = process.communicate(timeout=150)
        assert process.returncode == 0
    rounds = list(zip(*json.loads(output), strict=True))
    assert len(rounds) == ROUNDS
    for alice, erin in rounds:
        # The one who was slower may manage nobody any more.
        assert sorted([alice[0], erin[0]]) == ["NotPermitted", "done"]
        winner = "alice" if alice[0] == "done" else "erin"
        assert alice[1] == erin[1] == [winner]
    assert AuditEntry.objects.filter(action=f"console.operator.{word}").count() == ROUNDS
    assert AuditEntry.objects.count() == ROUNDS
    assert Group.objects.get(name="superadmin").user_set.count() == 2
    assert User.objects.filter(is_active=True).count() == 2
