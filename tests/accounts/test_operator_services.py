"""What changes operators, whoever calls it: policy in its order, and never the last superadmin."""

from dataclasses import replace

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group
from django.db.models import ProtectedError

from accounts import services
from accounts.models import NeverDeleted, OperatorSession, User
from accounts.refusals import ActRefused, LastSuperadmin, NotPermitted, OwnAccount, ProofNeeded
from accounts.roles import Role
from audit.actor import Actor, Channel
from audit.models import AuditEntry
from tests.conftest import console_actor, make_user
from tests.pages import nothing_changed

ACTS = {
    "demote": lambda operator, actor: services.change_role(operator, Role.SUPPORT, actor=actor),
    "deactivate": lambda operator, actor: services.set_active(operator, False, actor=actor),
    "activate": lambda operator, actor: services.set_active(operator, True, actor=actor),
}
CHANGES = ["demote", "deactivate"]
SHELL = Actor(Channel.CLI, "a shell")


@pytest.fixture
def erin(declared) -> User:
    return make_user("erin", Role.SUPERADMIN)


def refusal(act: str, operator: User, actor: Actor) -> type[ActRefused]:
    """Why it was not done. Nothing was written."""
    with nothing_changed(), pytest.raises(ActRefused) as refused:
        ACTS[act](operator, actor)
    return refused.type


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("elevated", [False, True])
def test_who_may_not_manage_is_refused_first_even_on_oneself(ops, superadmin, act, elevated):
    actor = console_actor(ops, elevated=elevated)
    assert refusal(act, superadmin, actor) is NotPermitted
    assert refusal(act, ops, actor) is NotPermitted


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("elevated", [False, True])
def test_oneself_is_refused_before_the_proof_is_asked_for(superadmin, act, elevated):
    assert refusal(act, superadmin, console_actor(superadmin, elevated=elevated)) is OwnAccount


@pytest.mark.parametrize("act", ACTS)
def test_the_proof_is_asked_for_before_the_last_superadmin_is(superadmin, superuser, act):
    assert refusal(act, superadmin, console_actor(superuser)) is ProofNeeded


@pytest.mark.parametrize("act", CHANGES)
def test_the_last_active_superadmin_stays(superadmin, superuser, act):
    make_user("frank", Role.SUPERADMIN, is_active=False)
    User.objects.filter(pk=make_user("gina", Role.SUPERADMIN).pk).update(is_staff=False)
    actor = console_actor(superuser, elevated=True)
    assert refusal(act, superadmin, actor) is LastSuperadmin


@pytest.mark.parametrize("act", CHANGES)
def test_one_of_two_may_go(superadmin, erin, act):
    assert ACTS[act](erin, console_actor(superadmin, elevated=True))
    left = User.objects.filter(groups__name="superadmin", is_active=True)
    assert list(left) == [superadmin]


def test_a_deactivated_superadmin_may_be_demoted_though_one_is_left(superadmin, superuser):
    gone = make_user("frank", Role.SUPERADMIN, is_active=False)
    assert ACTS["demote"](gone, console_actor(superuser, elevated=True))


def test_a_superadmin_who_gets_the_same_role_is_not_the_last_to_lose_it(superadmin, superuser):
    actor = console_actor(superuser, elevated=True)
    with nothing_changed():
        assert not services.change_role(superadmin, Role.SUPERADMIN, actor=actor)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("taken", ["role", "active"])
def test_an_actor_whose_rights_were_taken_meanwhile_is_refused(superadmin, erin, ops, act, taken):
    actor = console_actor(superadmin, elevated=True)
    # Asked once, a user's permissions stay in memory.
    assert actor.user.has_perm("accounts.manage_operators")
    if taken == "role":
        User.objects.get(pk=superadmin.pk).groups.clear()
    else:
        User.objects.filter(pk=superadmin.pk).update(is_active=False)
    assert refusal(act, ops, actor) is NotPermitted


@pytest.mark.parametrize("taken", ["role", "active"])
def test_so_it_is_with_the_sessions_of_another_person(superadmin, erin, ops, taken):
    actor = console_actor(superadmin, elevated=True)
    assert actor.user.has_perm("accounts.manage_operators")
    if taken == "role":
        User.objects.get(pk=superadmin.pk).groups.clear()
    else:
        User.objects.filter(pk=superadmin.pk).update(is_active=False)
    with nothing_changed(), pytest.raises(NotPermitted):
        services.end_sessions(ops, actor=actor)


@pytest.mark.parametrize("act", ACTS)
def test_nobody_in_particular_changes_nobody(ops, act):
    assert refusal(act, ops, SHELL) is NotPermitted
    assert refusal(act, ops, replace(SHELL, elevated=True, break_glass=True)) is NotPermitted


def test_break_glass_is_no_proof_on_the_console(superadmin, ops):
    actor = replace(console_actor(superadmin), break_glass=True)
    assert refusal("demote", ops, actor) is ProofNeeded


def test_one_role_remains_and_groups_that_are_no_roles_do_too(superadmin, ops):
    ops.groups.add(Group.objects.create(name="choir"), Group.objects.get(name="support"))
    assert services.change_role(ops, Role.READONLY, actor=console_actor(superadmin, elevated=True))
    assert {group.name for group in ops.groups.all()} == {"choir", "readonly"}
    entry = AuditEntry.objects.get()
    assert entry.payload == {"operator": "bob", "from": ["support", "ops"], "to": "readonly"}


def test_a_role_given_to_a_superuser_takes_the_superusers_rights(superadmin, superuser):
    assert services.change_role(superuser, Role.OPS, actor=console_actor(superadmin, elevated=True))
    superuser.refresh_from_db()
    assert (superuser.roles, superuser.is_superuser) == (("ops",), False)
    entry = AuditEntry.objects.get()
    assert entry.payload == {"operator": "root", "from": ["superuser"], "to": "ops"}


@pytest.mark.parametrize("active", [True, False])
def test_what_is_so_already_writes_nothing(superadmin, ops, active):
    User.objects.filter(pk=ops.pk).update(is_active=active)
    actor = console_actor(superadmin, elevated=True)
    with nothing_changed():
        assert not services.set_active(ops, active, actor=actor)


def test_an_operator_is_never_deleted(ops):
    for delete in (
        ops.delete,
        User.objects.all().delete,
        User.objects.filter(pk=ops.pk).delete,
        User.objects.none().delete,
    ):
        with pytest.raises(NeverDeleted, match="deactivated, never deleted"):
            delete()
    assert issubclass(NeverDeleted, ProtectedError)
    assert User.objects.get() == ops


def test_the_admin_deletes_adds_and_changes_no_operator(rf, superuser, ops):
    request, operators = rf.get("/"), site.get_model_admin(User)
    request.user = superuser
    assert not operators.has_delete_permission(request, ops)
    assert not operators.has_add_permission(request)
    assert not operators.has_change_permission(request, ops)
    assert operators.get_actions(request) == {}


def test_nothing_else_may_hold_an_operators_sessions_or_roles_back(superadmin, ops):
    """A failure after the change takes all of it back: role, elevations and audit row."""
    actor = replace(console_actor(superadmin, elevated=True), context={"no": object()})
    with nothing_changed(), pytest.raises(TypeError):
        services.change_role(ops, Role.SUPPORT, actor=actor)
    assert not OperatorSession.objects.exists()
