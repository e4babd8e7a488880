"""Tables of the room: the policy, cases, letters to customers."""

from .cases import RUNNING, Case, CaseEntry, CaseState, EntryKind
from .letters import Letter, LetterKind, LetterPolicy, LetterState, LetterText, Sender, Unsubscribed
from .policy import FALLS_TO, MOST_DAYS, Exclusion, ExclusionKind, Policy

__all__ = [
    "FALLS_TO",
    "MOST_DAYS",
    "RUNNING",
    "Case",
    "CaseEntry",
    "CaseState",
    "EntryKind",
    "Exclusion",
    "ExclusionKind",
    "Letter",
    "LetterKind",
    "LetterPolicy",
    "LetterState",
    "LetterText",
    "Policy",
    "Sender",
    "Unsubscribed",
]
