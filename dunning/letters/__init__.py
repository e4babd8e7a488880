"""Letters to customers: the one room that writes to them.

Whoever decides a letter calls `write` in the transaction that decides it; tasks send it. `kinds.PLACEHOLDERS` says
what facts a letter may be given.
"""

from dunning.models import LetterKind

from .checks import pages_of
from .heard import asked_for
from .outbox import LetterRequest, answer, sent_keys, stop, stop_keys, write
from .switch import turn_off
from .texts import Text, known_texts, text_of
from .withdrawing import withdraw

__all__ = [
    "LetterKind",
    "LetterRequest",
    "Text",
    "answer",
    "asked_for",
    "known_texts",
    "pages_of",
    "sent_keys",
    "stop",
    "stop_keys",
    "text_of",
    "turn_off",
    "withdraw",
    "write",
]
