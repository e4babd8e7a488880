"""What billing must know of the feed that fills it, without knowing the feed: told by whoever brings the events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .modes import Mode


@dataclass(frozen=True)
class FeedStatus:
    """Whether events can come, and how many wait or are set aside."""

    connected: bool = False
    pending: int = 0
    quarantined: int = 0


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
