"""Who may use what: `for_customer` is the one question that everybody asks.

`tiers`, `rules` and `decide` are pure; `billing.actions.access` writes what they say; `answer` reads it.
"""

from .answer import Answer, for_customer
from .decide import PAID_FOR, Decision, Given, Hold, Override, Reason, Step, decide, given_by
from .rules import MappingTerms, PriceTerms, Resolution, Rules
from .tiers import DEFAULT_TIERS, Gate, TierTerms

__all__ = [
    "DEFAULT_TIERS",
    "PAID_FOR",
    "Answer",
    "Decision",
    "Gate",
    "Given",
    "Hold",
    "MappingTerms",
    "Override",
    "PriceTerms",
    "Reason",
    "Resolution",
    "Rules",
    "Step",
    "TierTerms",
    "decide",
    "for_customer",
    "given_by",
]
