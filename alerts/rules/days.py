"""Days of a time zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def midnights(after: datetime, until: datetime, zone: ZoneInfo) -> Sequence[datetime]:
    """The beginnings of the days of a time zone that lie after one instant and not after another."""
    first, last = after.astimezone(zone).date(), until.astimezone(zone).date()
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    found = (datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) for day in days)
    return [moment for moment in found if after < moment <= until]
