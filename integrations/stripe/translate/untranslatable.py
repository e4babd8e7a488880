"""Why a signed body cannot become billing state."""

from __future__ import annotations


class Untranslatable(Exception):  # noqa: N818 - it names what the event is, as the quarantine page does
    """A body or event that teaches nothing until someone looks at it.

    `reason` is a sentence for people: what is wrong, where (a field's path), and what to do. It never holds anything
    of the payload but field names, because it is stored and logged in clear.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
