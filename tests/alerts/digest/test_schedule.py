"""When summaries are due: hours that do not exist or come twice, nights that were missed, weeks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.digest.schedule import Due, Timetable, days_of, due, due_at, last_complete, next_due
from alerts.models import Cadence
from billing.metrics.periods import Period

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def daily(zone: ZoneInfo = BERLIN, hour: int = 8, since: datetime = LONG_AGO, last: date | None = None) -> Timetable:
    return Timetable(Cadence.DAILY, zone, hour, 0, since, last)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "hour", "zone", "at"),
    [
        (date(2026, 11, 25), 8, BERLIN, "2026-11-26T07:00"),
        (date(2026, 7, 1), 8, BERLIN, "2026-07-02T06:00"),
        (date(2026, 3, 28), 2, BERLIN, "2026-03-29T01:00"),  # 02:00 does not exist: the gap's end, 03:00
        (date(2026, 3, 28), 3, BERLIN, "2026-03-29T01:00"),
        (date(2026, 10, 24), 2, BERLIN, "2026-10-25T00:00"),  # 02:00 comes twice: the first
        (date(2026, 10, 24), 3, BERLIN, "2026-10-25T02:00"),
        (date(2026, 3, 28), 0, ZoneInfo("Asia/Beirut"), "2026-03-28T22:00"),  # midnight does not exist
        (date(2026, 2, 28), 23, ZoneInfo("Pacific/Auckland"), "2026-03-01T10:00"),
        (date(2026, 11, 25), 8, ZoneInfo("Asia/Kathmandu"), "2026-11-26T02:15"),
    ],
)
def test_a_summary_is_due_at_its_hour_of_the_next_day(day: date, hour: int, zone: ZoneInfo, at: str) -> None:
    assert due_at(day, hour, zone) == utc(at)


def test_a_summary_is_due_from_its_minute_on_and_until_it_is_decided() -> None:
    table = daily(last=date(2026, 11, 24))
    yesterday = Due(date(2026, 11, 25), utc("2026-11-26T07:00"))
    assert due(table, utc("2026-11-26T06:59:59")) == []
    assert due(table, utc("2026-11-26T07:00")) == [yesterday]
    assert due(table, utc("2026-11-26T22:59")) == [yesterday]
    assert due(daily(last=yesterday.day), utc("2026-11-26T22:59")) == []


def test_missed_nights_are_due_one_by_one_the_oldest_first() -> None:
    now = utc("2026-11-26T09:00")
    found = due(daily(last=date(2026, 11, 21)), now)
    assert [one.day.day for one in found] == [22, 23, 24, 25]
    assert [one.late(now) for one in found] == [True, True, True, True]
    assert [one.too_old(now) for one in found] == [True, False, False, False]
    assert not found[-1].late(utc("2026-11-26T08:00"))


def test_nothing_is_due_that_was_so_before_it_was_turned_on_nor_long_ago() -> None:
    now = utc("2026-11-26T09:00")
    assert [one.day.day for one in due(daily(since=utc("2026-11-25T07:00")), now)] == [24, 25]
    assert due(daily(since=utc("2026-11-26T07:00:01")), now) == []
    assert len(due(daily(), now)) == 31


def test_weeks_end_before_their_day() -> None:
    mondays = Timetable(Cadence.WEEKLY, BERLIN, 8, 0, LONG_AGO, date(2026, 11, 8))
    now = utc("2026-11-26T09:00")  # a Thursday
    assert due(mondays, now) == [
        Due(date(2026, 11, 15), utc("2026-11-16T07:00")),
        Due(date(2026, 11, 22), utc("2026-11-23T07:00")),
    ]
    assert next_due(mondays, now) == Due(date(2026, 11, 29), utc("2026-11-30T07:00"))
    assert days_of(Cadence.WEEKLY, date(2026, 11, 22)) == Period(date(2026, 11, 16), date(2026, 11, 22))
    assert days_of(Cadence.DAILY, date(2026, 11, 22)) == Period(date(2026, 11, 22), date(2026, 11, 22))
    thursday = date(2026, 11, 26)
    assert last_complete(Cadence.WEEKLY, 0, thursday) == date(2026, 11, 22)
    assert last_complete(Cadence.WEEKLY, 3, thursday) == date(2026, 11, 25)
    assert last_complete(Cadence.WEEKLY, 4, thursday) == date(2026, 11, 19)
    assert last_complete(Cadence.DAILY, 4, thursday) == date(2026, 11, 25)


@given(
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Beirut", "Australia/Lord_Howe"]),
    hour=st.integers(0, 23),
    start=st.integers(0, 365 * 24 * 60),
    beats=st.lists(st.integers(1, 3 * 24 * 60), min_size=1, max_size=60),
)
def test_whenever_beats_come_every_day_is_decided_once_and_in_order(
    zone: str, hour: int, start: int, beats: list[int]
) -> None:
    now = since = utc("2026-01-01T00:00") + timedelta(minutes=start)
    decided: list[date] = []
    for minutes in beats:
        now += timedelta(minutes=minutes)
        table = daily(ZoneInfo(zone), hour, since, decided[-1] if decided else None)
        assert next_due(table, now).at > now
        for one in due(table, now):
            assert since <= one.at <= now
            decided.append(one.day)
    if decided:
        days = [decided[0] + timedelta(days=n) for n in range(len(decided))]
        assert decided == days
    else:
        assert now - since <= timedelta(hours=25)
