"""Evidence from above: what rooms that stand on this one know of messages that were not sent.

They say so once, as their application starts (`ready`); this room imports none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from billing.modes import Mode

from .findings import Finding

Teller = Callable[[int, Mode, datetime], Iterable[Finding]]
"""What a room found for a workspace and mode as of an aware instant: a few queries, in a scoped transaction."""

_tellers: Final[list[Teller]] = []


def also_told_by(teller: Teller) -> None:
    """Ask this teller too whenever "Alerts are not sent" is answered. Naming one twice asks it once."""
    if teller not in _tellers:
        _tellers.append(teller)


def told_from_above(workspace_id: int, mode: Mode, now: datetime) -> tuple[Finding, ...]:
    """What every teller found, in the order in which they were named. Must run in a scoped transaction."""
    return tuple(finding for teller in _tellers for finding in teller(workspace_id, mode, now))
