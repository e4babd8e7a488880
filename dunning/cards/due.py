"""When a card expires, and when its owner is told. Pure: a function of months, days and a time zone."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

AT: Final = time(10)
"""When the round of a day begins, by the clocks of the workspace: in the morning."""


class Month(NamedTuple):
    """The month until whose end a card is valid."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year}-{self.month:02}"

    @property
    def words(self) -> str:
        """ "April 2026"."""
        return f"{calendar.month_name[self.month]} {self.year}"

    @property
    def following(self) -> Month:
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def last_day(self) -> date:
        return date(self.year, self.month, calendar.monthrange(self.year, self.month)[1])

    def ends(self, zone: ZoneInfo) -> datetime:
        """The first instant at which the card is not valid any more (aware UTC)."""
        return datetime(*self.following, 1, tzinfo=zone).astimezone(UTC)

    def told_at(self, days: int, zone: ZoneInfo) -> datetime:
        """From when on its owner is told: in the morning, so many days before the last one (aware UTC)."""
        return datetime.combine(self.last_day - timedelta(days=days), AT, zone).astimezone(UTC)


def due_months(now: datetime, days: int, zone: ZoneInfo) -> list[Month]:
    """The months of cards whose owners are to be told by now, and that are valid still. The soonest first."""
    return [month for month in _from(now, zone, 4) if month.told_at(days, zone) <= now]


def coming_months(now: datetime, days: int, zone: ZoneInfo) -> list[Month]:
    """The months of cards that pages speak of: this one, the next one, and those whose turn it is by now."""
    return list(_from(now, zone, max(2, len(due_months(now, days, zone)))))


def next_round(now: datetime, zone: ZoneInfo) -> datetime:
    """When the next round begins: the first morning after `now` (aware UTC)."""
    today = now.astimezone(zone).date()
    mornings = (datetime.combine(today + timedelta(days=n), AT, zone).astimezone(UTC) for n in range(3))
    return next(morning for morning in mornings if morning > now)


def _from(now: datetime, zone: ZoneInfo, count: int) -> Iterator[Month]:
    local = now.astimezone(zone)
    month = Month(local.year, local.month)
    for _ in range(count):
        yield month
        month = month.following
