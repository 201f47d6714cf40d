"""Who may do what to operators, and the one rule of elevation (runbook section 5)."""

from django.utils import timezone

from accounts import sessions
from accounts.models import User
from accounts.refusals import NotPermitted, OwnAccount, ProofNeeded
from audit.actor import Actor, Channel

MANAGE = "accounts.manage_operators"


def has_fresh_proof(actor: Actor, *, afresh: bool = False) -> bool:
    """Whether this act may be one that needs elevation. Every such act asks here.

    With `afresh` the session is asked for it again: an act that waited for a lock, or is one of
    many, must not be done with an elevation that was dropped meanwhile.

    The proof belongs to the act, not to the person: `is_superuser` passes every permission check,
    and is no proof. Break-glass stands in for one on the command line alone, where whoever acts
    has the database too; it names an operator, and it is marked wherever it was used.
    """
    if actor.user is None:
        return False
    if not actor.elevated:
        return actor.break_glass and actor.channel is Channel.CLI
    if not afresh or actor.session_id is None:
        return True
    return sessions.is_elevated(actor.session_id, actor.user, timezone.now())


def may_manage(actor: Actor) -> bool:
    """Whether the actor may change other operators, elevation aside."""
    return actor.user is not None and actor.user.is_active and actor.user.has_perm(MANAGE)


def check_may_manage(actor: Actor, operator: User) -> None:
    """Raises NotPermitted, OwnAccount or ProofNeeded where `actor` may not change `operator`."""
    if not may_manage(actor):
        raise NotPermitted(f"Only a superadmin may change operators: {actor.label} may not.")
    if actor.user == operator:
        raise OwnAccount("Nobody changes their own role or deactivates themselves.")
    check_fresh_proof(actor)


def check_fresh_proof(actor: Actor) -> None:
    """Raises ProofNeeded without elevation."""
    if not has_fresh_proof(actor):
        raise ProofNeeded("This needs a fresh TOTP proof: elevate first. Nothing was changed.")
