"""History lines about times whose events are lost: what is known of them is what was found later."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from billing.modes import Mode

from .history import write_lines

GAP: Final = "sync.gap"
FEED: Final = "feed"
"""`object_kind` of lines about the feed as a whole."""


def record_gap(workspace_id: int, mode: Mode, starts: datetime, ends: datetime, now: datetime) -> None:
    """Write that the events from `starts` to `ends` (aware) cannot be had any more. Once for each `starts`.

    They are lost at `now`, when that is found; so whoever is to be told (`alerts.defaults`) is told then. One insert,
    in the caller's transaction and scope; needs no lane, because no state follows from it.
    """
    line = {
        "kind": GAP,
        "is_change": False,
        "object_kind": FEED,
        "object_id": "stripe",
        "customer": None,
        "happened_at": now.timestamp(),
        "learnt_at": now.isoformat(),
        "event_id": f"pqgap_{int(starts.timestamp())}",
        "before": None,
        "after": {"starts": starts.isoformat(), "ends": ends.isoformat()},
    }
    write_lines(workspace_id, str(mode), [line], now.isoformat())
