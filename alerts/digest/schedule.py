"""When a summary is due. Pure; days and hours are those of the workspace's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from alerts.models import Cadence
from billing.metrics.periods import Period, last_days

DEFAULT_HOUR: Final = 8
WEEK_DAYS: Final = 7
LATE: Final = timedelta(hours=1)
"""What is sent later than this after it was due says so."""
TOO_OLD: Final = timedelta(days=3)
"""What was due longer ago is not sent any more."""
LOOK_BACK_DAYS: Final = 31
"""How far back summaries that nobody decided are looked for; each is one row at least."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """When the summaries of one workspace, mode and cadence are due. `weekday` (0 = Monday) matters to weekly ones.

    `since` (aware): nothing that was due before is owed. `last` is the newest day that was decided, None = none was.
    """

    cadence: Cadence
    zone: ZoneInfo
    hour: int
    weekday: int
    since: datetime
    last: date | None


@dataclass(frozen=True, slots=True)
class Due:
    """A summary that is due: the last day that it is about, and since when (UTC)."""

    day: date
    at: datetime

    def late(self, now: datetime) -> bool:
        return now - self.at > LATE

    def too_old(self, now: datetime) -> bool:
        return now - self.at > TOO_OLD


def due_at(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """When the summary up to `day` is due, in UTC: the first instant of the next day at or after that hour.

    Where clocks are put forward over that hour it is the end of the gap; where the hour comes twice, the first time.
    """
    return datetime.combine(day + timedelta(days=1), time(hour), zone).astimezone(UTC)


def due(table: Timetable, now: datetime) -> list[Due]:
    """The summaries that are due at `now` (aware) and not decided, the oldest first."""
    today = now.astimezone(table.zone).date()
    first = today - timedelta(days=LOOK_BACK_DAYS)
    if table.last is not None:
        first = max(first, table.last + timedelta(days=1))
    days = (first + timedelta(days=n) for n in range((today - first).days))
    found = (Due(day, due_at(day, table.hour, table.zone)) for day in days if _falls_on(table, day))
    return [one for one in found if table.since <= one.at <= now]


def next_due(table: Timetable, now: datetime) -> Due:
    """The summary that is due next after `now` (aware), were it turned on."""
    today = now.astimezone(table.zone).date()
    days = (today + timedelta(days=n) for n in range(-1, WEEK_DAYS + 1))
    found = (Due(day, due_at(day, table.hour, table.zone)) for day in days if _falls_on(table, day))
    return next(one for one in found if one.at > now and (table.last is None or one.day > table.last))


def last_complete(cadence: Cadence, weekday: int, today: date) -> date:
    """The last day of the newest summary that can be made on `today`: yesterday, or the end of the newest week."""
    yesterday = today - timedelta(days=1)
    if cadence == Cadence.DAILY:
        return yesterday
    return today - timedelta(days=(today.weekday() - weekday) % WEEK_DAYS + 1)


def days_of(cadence: Cadence, day: date) -> Period:
    """The days that the summary up to `day` is about."""
    return last_days(day, WEEK_DAYS if cadence == Cadence.WEEKLY else 1)


def _falls_on(table: Timetable, day: date) -> bool:
    return table.cadence == Cadence.DAILY or (day + timedelta(days=1)).weekday() == table.weekday
