"""Why a promotion's step was not taken. Nothing was written; each carries its HTTP answer.

They are flags' refusals, so that whoever handles a refused flip handles these too.
"""

from flags.refusals import FlipRefused


class PromotionRefused(FlipRefused):
    """As things are, this step cannot be taken."""


class SameEyes(PromotionRefused):
    """Four eyes: whoever marked it does not approve it."""

    status = 403


class PhraseNeeded(PromotionRefused):
    """High risk, and the phrase was not typed exactly."""


class ReasonNeeded(PromotionRefused):
    """A rejection names its reason, in words that the log can keep."""

    status = 400
