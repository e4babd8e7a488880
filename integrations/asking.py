"""What rooms above ask on the page where Stripe is connected. They name themselves as they start: this room knows none.

Each question is a template, included in the panel of a connected mode, and what it reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from billing.modes import Mode


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it stands in a panel: the template reads `question`, and `asked_at`, which is "connection"."""

    template: str
    question: Any


Read = Callable[[int, Mode], Any]
"""What a template reads, for a workspace's id and a mode. Called in scope and a transaction."""

_ASKERS: Final[dict[str, Read]] = {}


def ask(template: str, read: Read) -> None:
    """Have a question asked from now on. Idempotent."""
    _ASKERS[template] = read


def asked(workspace_id: int, mode: Mode) -> tuple[Asked, ...]:
    """All questions for one panel. Must run in scope and a transaction."""
    return tuple(Asked(template, read(workspace_id, mode)) for template, read in _ASKERS.items())
