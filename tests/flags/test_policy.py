"""Who may flip what: the table of roles in DESIGN, cell by cell."""

import pytest

from accounts.roles import Role
from audit.actor import Actor, Channel
from flags import policy
from flags.declarations import Risk
from flags.refusals import ElevationRequired, RoleForbidden
from tests.conftest import console_actor, make_user

pytestmark = pytest.mark.django_db

MAY = {
    Role.READONLY: set(),
    Role.SUPPORT: set(),
    Role.OPS: {Risk.LOW},
    Role.SUPERADMIN: {Risk.LOW, Risk.MEDIUM, Risk.HIGH},
}
CELLS = [(role, risk) for role in Role for risk in Risk]


@pytest.mark.parametrize(("role", "risk"), CELLS)
@pytest.mark.parametrize("elevated", [False, True])
def test_a_role_may_flip_exactly_its_risks(role, risk, elevated):
    actor = console_actor(make_user("someone", role), elevated=elevated)
    allowed = risk in MAY[role]
    assert policy.may_flip(actor, risk) is allowed
    if allowed:
        policy.check_role(actor, risk)
    else:
        with pytest.raises(RoleForbidden):
            policy.check_role(actor, risk)


@pytest.mark.parametrize("role", Role)
def test_the_flag_pages_are_for_ops_and_superadmins(role):
    assert make_user("someone", role).has_perm(policy.VIEW) is bool(MAY[role])


@pytest.mark.parametrize(
    ("risk", "minimum"), [(Risk.LOW, "ops"), (Risk.MEDIUM, "superadmin"), (Risk.HIGH, "superadmin")]
)
def test_a_refusal_names_the_role_that_is_needed_and_who_was_refused(risk, minimum):
    actor = console_actor(make_user("carol", Role.SUPPORT))
    with pytest.raises(RoleForbidden) as refused:
        policy.check_role(actor, risk)
    assert f"role {minimum}" in str(refused.value)
    assert "carol" in str(refused.value)


@pytest.mark.parametrize("risk", Risk)
def test_high_risk_alone_needs_elevation(risk):
    plain = console_actor(make_user("someone", Role.SUPERADMIN))
    if risk is Risk.HIGH:
        with pytest.raises(ElevationRequired):
            policy.check_elevation(plain, risk)
    else:
        policy.check_elevation(plain, risk)
    policy.check_elevation(console_actor(plain.user, elevated=True), risk)


def test_a_superuser_passes_every_role_check_and_no_elevation_check():
    actor = console_actor(make_user("root", is_superuser=True))
    assert all(policy.may_flip(actor, risk) for risk in Risk)
    with pytest.raises(ElevationRequired):
        policy.check_elevation(actor, Risk.HIGH)


@pytest.mark.parametrize("risk", Risk)
@pytest.mark.parametrize("superuser", [False, True])
def test_who_was_deactivated_may_flip_nothing(risk, superuser):
    user = make_user("left", Role.SUPERADMIN, is_active=False, is_superuser=superuser)
    assert not policy.may_flip(console_actor(user), risk)


@pytest.mark.parametrize("channel", Channel)
def test_without_an_operator_only_the_command_line_may_flip(channel):
    actor = Actor(channel, "nobody")
    assert {policy.may_flip(actor, risk) for risk in Risk} == {channel is Channel.CLI}


def test_the_command_line_with_an_operator_goes_by_the_operators_role():
    actor = Actor(Channel.CLI, "carol", make_user("carol", Role.SUPPORT))
    assert not any(policy.may_flip(actor, risk) for risk in Risk)


def test_the_command_line_needs_elevation_too():
    with pytest.raises(ElevationRequired):
        policy.check_elevation(Actor(Channel.CLI, "root (shell)"), Risk.HIGH)
