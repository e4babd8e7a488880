"""Quiet hours: a part of each day, by the clocks on the wall, in which nobody is to be disturbed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one local time until another, which may be of the next day; the two differ."""

    begin: time
    end: time
    zone: ZoneInfo

    def hold(self, at: datetime) -> bool:
        """Whether an aware instant lies in them."""
        wall = at.astimezone(self.zone).time()
        if self.begin < self.end:
            return self.begin <= wall < self.end
        return wall >= self.begin or wall < self.end

    def over(self, at: datetime) -> datetime:
        """When they are over (UTC), or `at` where it lies in none. Where clocks skip their end, as much later."""
        if not self.hold(at):
            return at
        day = at.astimezone(self.zone).date()
        # Where clocks are put back, the end of the quiet hours may come twice: the first one that is not over yet.
        for ahead in (0, 1):
            for fold in (0, 1):
                end = datetime.combine(day + timedelta(days=ahead), self.end, self.zone).replace(fold=fold)
                if (ends := end.astimezone(UTC)) > at and not self.hold(ends):
                    return ends
        return at


def quiet_hours(begin: time | None, end: time | None, zone: ZoneInfo) -> QuietHours | None:
    """The hours between two local times; None where one of them is not given."""
    return None if begin is None or end is None else QuietHours(begin, end, zone)
