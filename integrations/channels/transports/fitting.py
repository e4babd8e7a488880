"""Making text fit where a provider has limits, without cutting an escape in two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

ELLIPSIS: Final = "…"


def fit(text: str, limit: int, escape: Callable[[str], str]) -> str:
    """The text, escaped, in at most `limit` UTF-16 units; what is left out is told by an ellipsis."""
    escaped = escape(text)
    if units(escaped) <= limit:
        return escaped
    kept, room = [], limit - 1
    for letter in text:
        piece = escape(letter)
        room -= units(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + ELLIPSIS if limit > 0 else ""


def units(text: str) -> int:
    """Length as Telegram and JavaScript count: letters beyond the first 65,536 count twice."""
    return len(text.encode("utf-16-le")) // 2
