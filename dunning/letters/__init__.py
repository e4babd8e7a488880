"""Letters to customers: the one room that writes to them.

Whoever decides a letter calls `write` in the transaction that decides it; tasks send it. `kinds.PLACEHOLDERS` says
what facts a letter may be given.
"""

from dunning.models import LetterKind

from .outbox import LetterRequest, answer, stop, write
from .texts import Text, text_of

__all__ = ["LetterKind", "LetterRequest", "Text", "answer", "stop", "text_of", "write"]
