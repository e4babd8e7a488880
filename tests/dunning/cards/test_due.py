"""When cards expire and when their owners are told, around ends of months and changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunning.cards.due import AT, Month, coming_months, due_months, next_round

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu")
zones = st.sampled_from([ZoneInfo(name) for name in ZONES])
instants = st.integers(1_704_067_200, 1_893_456_000).map(lambda second: datetime.fromtimestamp(second, UTC))
days_before = st.integers(7, 60)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("month", "days", "told", "ends"),
    [
        (Month(2026, 4), 30, datetime(2026, 3, 31, 8, tzinfo=UTC), datetime(2026, 4, 30, 22, tzinfo=UTC)),
        (Month(2026, 12), 30, datetime(2026, 12, 1, 9, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC)),
        (Month(2028, 2), 7, datetime(2028, 2, 22, 9, tzinfo=UTC), datetime(2028, 2, 29, 23, tzinfo=UTC)),
        # The clocks are put forward on 29 March 2026.
        (Month(2026, 3), 7, datetime(2026, 3, 24, 9, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC)),
        (Month(2026, 5), 60, datetime(2026, 4, 1, 8, tzinfo=UTC), datetime(2026, 5, 31, 22, tzinfo=UTC)),
    ],
)
def test_days_are_those_of_the_workspace(month: Month, days: int, told: datetime, ends: datetime) -> None:
    assert month.told_at(days, BERLIN) == told
    assert month.ends(BERLIN) == ends


def test_months_in_words() -> None:
    assert (str(Month(2026, 4)), Month(2026, 4).words) == ("2026-04", "April 2026")
    assert (Month(2026, 12).following, Month(2026, 4).following) == (Month(2027, 1), Month(2026, 5))


@given(instants, days_before, zones)
def test_who_is_told_is_told_from_its_morning_to_the_end_of_the_month(now: datetime, days: int, zone: ZoneInfo) -> None:
    local = now.astimezone(zone)
    around = [Month(local.year - 1, 12), *(Month(local.year + y, m) for y in (0, 1) for m in range(1, 13))]
    expected = [month for month in around if month.told_at(days, zone) <= now < month.ends(zone)]
    found = due_months(now, days, zone)
    assert found == expected
    coming = coming_months(now, days, zone)
    assert coming[:1] == [Month(local.year, local.month)]
    assert set(found) <= set(coming)
    assert len(coming) >= 2


@given(instants, zones)
def test_a_round_begins_every_morning(now: datetime, zone: ZoneInfo) -> None:
    following = next_round(now, zone)
    local = following.astimezone(zone)
    assert now < following <= now + timedelta(days=1, hours=1)  # an hour more where clocks are put back
    assert local.time() == AT
    assert next_round(following, zone).astimezone(zone).date() == local.date() + timedelta(days=1)


@given(instants, days_before, zones)
def test_the_first_round_from_the_morning_on_finds_the_month(now: datetime, days: int, zone: ZoneInfo) -> None:
    month = Month(now.year, now.month)
    told = month.told_at(days, zone)
    assert month not in due_months(told - timedelta(microseconds=1), days, zone)
    assert month in due_months(next_round(told - timedelta(microseconds=1), zone), days, zone)
