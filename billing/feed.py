"""What billing must know of the feed that fills it, without knowing the feed: told by whoever brings the events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .modes import Mode


@dataclass(frozen=True)
class FeedStatus:
    """Whether events can come, and how many wait or are set aside.

    `connected_at`: since when. What lies before was not seen as it happened (billing/estimated.py).
    """

    connected: bool = False
    pending: int = 0
    quarantined: int = 0
    connected_at: datetime | None = None


def _nobody(workspace_id: int, mode: Mode) -> FeedStatus:
    return FeedStatus()


_ask: Callable[[int, Mode], FeedStatus] = _nobody


def told_by(source: Callable[[int, Mode], FeedStatus]) -> None:
    """Name the one who knows (at start, by `integrations`)."""
    global _ask
    _ask = source


def feed_status(workspace_id: int, mode: Mode) -> FeedStatus:
    """The feed of a workspace and mode. Must run in scope."""
    return _ask(workspace_id, mode)
