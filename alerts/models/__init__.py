"""Tables of alerts and summaries."""

from .digest import Cadence, DigestChannel, DigestRun, DigestSettings, DigestState
from .rules import Finding, Outcome, Rule, RuleChannel, RuleKind, RuleState, Watch

__all__ = [
    "Cadence",
    "DigestChannel",
    "DigestRun",
    "DigestSettings",
    "DigestState",
    "Finding",
    "Outcome",
    "Rule",
    "RuleChannel",
    "RuleKind",
    "RuleState",
    "Watch",
]
