"""Tables of the room: the policy, cases, letters to customers, cards that expire."""

from .cards import Card, CardReading
from .cases import RUNNING, Case, CaseEntry, CaseState, EntryKind
from .letters import Letter, LetterKind, LetterPolicy, LetterState, LetterText, Sender, Unsubscribed
from .policy import CARD_DAYS, FALLS_TO, MOST_DAYS, Exclusion, ExclusionKind, Policy

__all__ = [
    "CARD_DAYS",
    "FALLS_TO",
    "MOST_DAYS",
    "RUNNING",
    "Card",
    "CardReading",
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
