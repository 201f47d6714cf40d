"""Why something was not done to an operator. Nothing was written; each carries its HTTP answer."""


class ActRefused(Exception):
    """An act that was not done; nothing was written. `status` is its HTTP answer."""

    status = 403


class NotPermitted(ActRefused):
    """The actor's role may not do this."""


class OwnAccount(ActRefused):
    """Nobody does this to themselves."""


class ProofNeeded(ActRefused):
    """This needs elevation."""


class LastSuperadmin(ActRefused):
    """Nobody would be left who may change operators."""

    status = 409


class NotNow(ActRefused):
    """What the page showed is no longer so."""

    status = 409
