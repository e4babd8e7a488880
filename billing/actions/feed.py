"""History lines about the feed itself: an event that was set aside, let in again, or given up.

They say how the handling of an event went, not what happened at Stripe, so they are no part of the canonical state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from billing.modes import Mode

from .history import write_lines

EVENT: Final = "event"
"""`object_kind` of these lines; `object_id` and `event_id` are both the event's id."""


class EventStep(StrEnum):
    """What became of an event; the kind of its line."""

    QUARANTINED = "event.quarantined"
    REPLAYED = "event.replayed"
    DISMISSED = "event.dismissed"


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event's step. `reason` is why it was set aside or given up; `by` is who decided, None where nobody did."""

    event_id: str
    event_type: str | None
    step: EventStep
    before: str
    after: str
    reason: str | None
    by: str | None = None

    def row(self, now: datetime) -> dict[str, Any]:
        return {
            "kind": str(self.step),
            "is_change": True,
            "object_kind": EVENT,
            "object_id": self.event_id,
            "customer": None,
            "happened_at": now.timestamp(),
            "learnt_at": now.isoformat(),
            "event_id": self.event_id,
            "before": {"state": self.before},
            "after": {"state": self.after, "type": self.event_type, "reason": self.reason, "by": self.by},
        }


def record_events(workspace_id: int, mode: Mode, lines: Iterable[EventLine], now: datetime) -> None:
    """Write what became of events at `now` (aware). One insert, in the caller's transaction and scope."""
    write_lines(workspace_id, str(mode), [line.row(now) for line in lines], now.isoformat())
