"""Finding customers by the beginnings of words in their name and email.

Row-level security lets PostgreSQL use an index only for comparisons that cannot leak, and LIKE is not one of them. So
every word of a customer is a row of its own (`CustomerWord`, written by `actions/words.py`), and "begins with" is a
range of a B-tree whose column is compared byte by byte. What is stored and what is looked for go through the same
function, which lays case and accents aside.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from django.db.models import QuerySet

from .models import CustomerWord
from .modes import Mode

MOST_WORDS: Final = 24
"""Words kept of one customer; names and addresses have fewer."""
MOST_TERMS: Final = 6
"""Words looked for at once; more would only cost."""

_LONGEST: Final = 40
_WORD: Final = re.compile(r"[^\W_]+")
_LAST: Final = "\U0010ffff"


def words_of(text: str) -> list[str]:
    """The words of a text as they are stored and compared: letters and digits, without case and accents, in order."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return list(dict.fromkeys(word[:_LONGEST] for word in _WORD.findall(bare)))


def matching(workspace_id: int, mode: Mode, text: str) -> list[QuerySet[CustomerWord, str]]:
    """Subqueries of customer ids, one for each word of `text`: who is in all of them is found. Empty: no word in it."""
    return [
        CustomerWord.objects.filter(
            workspace_id=workspace_id, mode=mode, word__gte=term, word__lt=term + _LAST
        ).values_list("customer", flat=True)
        for term in words_of(text)[:MOST_TERMS]
    ]
