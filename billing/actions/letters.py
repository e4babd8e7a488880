"""History lines about letters to customers: each that went out, was held back, was not sent or failed, and why.

Rooms above decide and send letters; here it is written down for good. What a letter said, and the address, are theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from billing.modes import Mode

from .history import write_lines

LETTER: Final = "letter"
"""`object_kind` of these lines; they say what was done about customers, so they are no part of the canonical state."""


class LetterStep(StrEnum):
    """What became of a letter; the kind of its line."""

    SENT = "letter.sent"
    HELD = "letter.held"
    SKIPPED = "letter.skipped"
    FAILED = "letter.failed"


@dataclass(frozen=True, slots=True)
class LetterLine:
    """One letter's step. `letter` is its id and `name` what it is called; `cause` names what it was decided for.

    `to` is said where it went to somebody else than the customer. `possible_duplicate`: it may be there twice.
    """

    letter: str
    name: str
    customer: str
    cause: str
    step: LetterStep
    reason: str = ""
    to: str = ""
    possible_duplicate: bool = False

    def row(self, now: datetime) -> dict[str, Any]:
        told = {
            "letter": self.name,
            "reason": self.reason,
            "to": self.to,
            "possible_duplicate": self.possible_duplicate,
        }
        return {
            "kind": str(self.step),
            "is_change": True,
            "object_kind": LETTER,
            "object_id": self.letter,
            "customer": self.customer,
            "happened_at": now.timestamp(),
            "learnt_at": now.isoformat(),
            "event_id": self.cause,
            "before": None,
            "after": {name: value for name, value in told.items() if value},
        }


def record_letters(workspace_id: int, mode: Mode, lines: Iterable[LetterLine], now: datetime) -> None:
    """Write what became of letters at `now` (aware). One insert, none without lines; in the caller's transaction and
    scope."""
    write_lines(workspace_id, str(mode), [line.row(now) for line in lines], now.isoformat())
