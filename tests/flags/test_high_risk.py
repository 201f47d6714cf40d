"""High risk needs a fresh proof, whoever asks and by whatever channel: one rule, one place."""

import ast
from pathlib import Path

import pytest

from accounts import policy as accounts_policy
from accounts.roles import Role
from audit.actor import Actor, Channel
from flags import policy
from flags.declarations import Risk
from flags.refusals import ElevationRequired, RoleForbidden, StateMoved
from flags.services import Outcome, flip
from flags.state import read_state
from tests.conftest import console_actor, make_user
from tests.flags.test_flags_page import turn
from tests.pages import HIGH, LOW, MEDIUM, nothing_written

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.usefixtures("declared")
# Raw SQL never comes by flip(): triggers tell of it.
FLIPPING = [one for one in Channel if one is not Channel.SQL]


def ask(actor: Actor, key: str = HIGH, value: bool = True, seen: str = ""):
    return flip(key, "staging", value, actor=actor, seen=seen or read_state(key, "staging").seen)


@pytest.fixture(params=["superadmin", "superuser"])
def mighty(request):
    """Someone whose role, or Django's own power, may flip everything."""
    if request.param == "superuser":
        return make_user("root", is_superuser=True)
    return make_user("alice", Role.SUPERADMIN)


@pytest.mark.parametrize("channel", FLIPPING)
@pytest.mark.parametrize("value", [True, False])
def test_every_channel_is_refused_high_risk_without_a_proof(mighty, channel, value):
    with nothing_written(), pytest.raises(ElevationRequired):
        ask(Actor(channel, "mighty", mighty), value=value)


@pytest.mark.parametrize("channel", FLIPPING)
def test_every_channel_flips_high_risk_with_one(mighty, channel):
    assert ask(Actor(channel, "mighty", mighty, elevated=True)).outcome is Outcome.FLIPPED


@pytest.mark.parametrize("channel", FLIPPING)
@pytest.mark.parametrize("key", [LOW, MEDIUM])
def test_no_channel_needs_a_proof_for_less_than_high_risk(mighty, channel, key):
    assert ask(Actor(channel, "mighty", mighty), key).outcome is Outcome.FLIPPED


def test_the_shell_without_an_operator_is_refused_high_risk():
    with nothing_written(), pytest.raises(ElevationRequired, match="--as NAME --totp"):
        ask(Actor(Channel.CLI, "root (shell)"))


@pytest.mark.parametrize("channel", [one for one in Channel if one is not Channel.CLI])
def test_break_glass_stands_in_for_a_proof_on_the_command_line_alone(mighty, channel):
    with nothing_written(), pytest.raises(ElevationRequired):
        ask(Actor(channel, "mighty", mighty, break_glass=True))


@pytest.mark.parametrize("elevated", [False, True])
@pytest.mark.parametrize("role", [Role.READONLY, Role.SUPPORT, Role.OPS])
@pytest.mark.parametrize("channel", [Channel.CONSOLE, Channel.CLI])
def test_a_role_that_may_not_is_refused_as_a_role_with_a_proof_and_without(role, elevated, channel):
    user = make_user("someone", role)
    with nothing_written(), pytest.raises(RoleForbidden):
        ask(Actor(channel, "someone", user, elevated=elevated))


def test_a_superadmin_who_was_deactivated_is_refused_with_a_proof_too():
    gone = make_user("gone", Role.SUPERADMIN, is_active=False)
    with nothing_written(), pytest.raises(RoleForbidden):
        ask(console_actor(gone, elevated=True))


def test_a_value_that_moved_is_told_before_a_proof_is_asked_for(mighty):
    drawn = read_state(HIGH, "staging").seen
    turn(mighty, HIGH)
    turn(mighty, HIGH, False)
    with nothing_written(), pytest.raises(StateMoved):
        ask(console_actor(mighty), seen=drawn)


def test_the_value_that_the_row_has_takes_no_proof_and_writes_nothing(mighty):
    turn(mighty, HIGH)
    with nothing_written():
        assert ask(console_actor(mighty)).outcome is Outcome.ALREADY


def test_a_value_that_yaml_gives_takes_a_proof_to_be_pinned(mighty):
    with nothing_written(), pytest.raises(ElevationRequired):
        ask(console_actor(mighty), value=False)
    assert ask(console_actor(mighty, elevated=True), value=False).outcome is Outcome.PINNED


def test_the_risk_is_the_declared_one_of_the_environment_that_is_flipped(mighty, settings):
    settings.CONSOLE_ENV = "prod"
    with nothing_written(), pytest.raises(ElevationRequired):
        ask(console_actor(mighty))


@pytest.mark.parametrize(("answer", "elevated"), [(True, False), (False, True)])
def test_flips_go_by_what_the_accounts_policy_says_and_nothing_else(
    mighty, monkeypatch, answer, elevated
):
    monkeypatch.setattr(policy, "has_fresh_proof", lambda actor, **how: answer)
    actor = console_actor(mighty, elevated=elevated)
    if answer:
        assert ask(actor).outcome is Outcome.FLIPPED
    else:
        with nothing_written(), pytest.raises(ElevationRequired):
            ask(actor)


def test_the_rule_of_flips_is_the_very_function_of_the_accounts_policy():
    assert policy.has_fresh_proof is accounts_policy.has_fresh_proof


def test_no_other_code_reads_whether_an_actor_is_elevated_or_breaks_glass():
    reads = {}
    for room in ("accounts", "audit", "flags", "promotions", "raxxconsole"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                is_read = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
                if is_read and node.attr in ("elevated", "break_glass"):
                    reads.setdefault(str(path.relative_to(ROOT)), []).append(ast.unparse(node))
    assert reads.pop("accounts/policy.py") == ["actor.elevated", "actor.break_glass"]
    # It notes the emergency, and lets nobody through.
    assert reads == {"flags/writing.py": ["actor.break_glass"]}


@pytest.mark.parametrize("risk", Risk)
def test_what_a_row_says_of_its_risk_and_what_a_flip_asks_are_the_same(mighty, risk):
    actor = console_actor(mighty)
    try:
        policy.check_elevation(actor, risk)
    except ElevationRequired:
        assert policy.needs_elevation(risk)
    else:
        assert not policy.needs_elevation(risk)
