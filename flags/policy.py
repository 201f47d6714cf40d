"""Who may do what with flags (runbook section 5; the table in DESIGN, Roles)."""

from accounts.policy import check_fresh_proof, has_fresh_proof
from accounts.refusals import NotPermitted
from audit.actor import Actor, Channel
from flags.declarations import Risk
from flags.refusals import ElevationRequired, RoleForbidden

VIEW = "flags.view_declaredflag"
ACKNOWLEDGE = "flags.acknowledge_breakglass"
MANAGE_TOKENS = "flags.manage_service_tokens"
_MINIMUM_ROLE = {Risk.LOW: "ops", Risk.MEDIUM: "superadmin", Risk.HIGH: "superadmin"}


def may_flip(actor: Actor, risk: Risk) -> bool:
    """Whether the actor's role may flip flags of this risk, elevation aside.

    Without a user only the command line may: whoever has the shell has the database too.
    """
    if actor.user is None:
        return actor.channel is Channel.CLI
    return actor.user.is_active and actor.user.has_perm(f"flags.flip_{risk}")


def check_role(actor: Actor, risk: Risk) -> None:
    """Raises RoleForbidden where the actor's role may not flip flags of this risk."""
    if not may_flip(actor, risk):
        raise RoleForbidden(
            f"Flags of {risk} risk need the role {_MINIMUM_ROLE[risk]}: "
            f"{actor.label} may not flip this one."
        )


def minimum_role(risk: Risk) -> str:
    """The least role that may flip flags of this risk."""
    return _MINIMUM_ROLE[risk]


def needs_elevation(risk: Risk) -> bool:
    return risk is Risk.HIGH


def check_elevation(actor: Actor, risk: Risk, *, afresh: bool = False) -> None:
    """Raises ElevationRequired for high risk without a fresh TOTP proof (now, if `afresh`)."""
    if needs_elevation(risk) and not has_fresh_proof(actor, afresh=afresh):
        raise ElevationRequired(_HOW_TO_PROVE[actor.channel is Channel.CLI])


_HOW_TO_PROVE = {
    False: "Flags of high risk need elevation, a fresh TOTP proof: nothing was changed.",
    True: "Flags of high risk need elevation: nothing was changed. Add --as NAME --totp, "
    "or in an emergency --as NAME --break-glass --incident ID.",
}


def check_may_manage_tokens(actor: Actor) -> None:
    """Raises NotPermitted where the actor may not make or revoke service tokens, elevation aside.

    Without a user only the command line may, as for flips.
    """
    if actor.user is None:
        may = actor.channel is Channel.CLI
    else:
        may = actor.user.is_active and actor.user.has_perm(MANAGE_TOKENS)
    if not may:
        raise NotPermitted(
            f"Only a superadmin may make or revoke service tokens: {actor.label} may not."
        )


def check_proof_for_tokens(actor: Actor) -> None:
    """Raises ProofNeeded without elevation, on the console: whoever has the shell makes operators
    and their devices without a proof, so one would keep nobody from a token there."""
    if actor.channel is not Channel.CLI:
        check_fresh_proof(actor)
