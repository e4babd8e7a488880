"""The account's own clock: a moment that only moves when told, and what is due on the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Any

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock:
    """Whole Unix seconds (UTC). What is due at one second runs in the order in which it was scheduled."""

    def __init__(self, start: int) -> None:
        self.now = start
        self._due: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._scheduled = 0

    def schedule(self, at: int, action: Callable[..., None], *args: Any) -> None:
        """Have `action(*args)` called when the clock reaches `at`. Nothing is ever unscheduled: an action checks
        for itself, when its time comes, whether it still applies."""
        self._scheduled += 1
        heappush(self._due, (at, self._scheduled, action, args))

    def advance(self, to: int) -> None:
        """Move to `to`, running everything due until then, `to` included, each at its own second.

        Raises ValueError when `to` lies in the past.
        """
        if to < self.now:
            raise ValueError(f"the clock stands at {self.now} and does not go back to {to}")
        due = self._due
        while due and due[0][0] <= to:
            at, _, action, args = heappop(due)
            self.now = max(self.now, at)
            action(*args)
        self.now = to


def seconds(moment: datetime | int) -> int:
    """Return the Unix seconds of an aware datetime (or of seconds, unchanged). Raises ValueError for a naive one."""
    if isinstance(moment, int):
        return moment
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return int(moment.timestamp())


def utc(moment: int) -> datetime:
    """Return Unix seconds as an aware datetime in UTC."""
    return datetime.fromtimestamp(moment, UTC)
