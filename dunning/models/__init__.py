"""Tables of the room: the policy, cases."""

from .cases import RUNNING, Case, CaseEntry, CaseState, EntryKind
from .policy import MOST_DAYS, Exclusion, ExclusionKind, Policy

__all__ = [
    "MOST_DAYS",
    "RUNNING",
    "Case",
    "CaseEntry",
    "CaseState",
    "EntryKind",
    "Exclusion",
    "ExclusionKind",
    "Policy",
]
