"""Periods, clocks, currencies and ids: the small exact things."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest

from pqintel.simulator.billing_cycle import add_months, next_boundary, part_left
from pqintel.simulator.clock import DAY, Clock, seconds, utc
from pqintel.simulator.currencies import exponent, in_major_units
from pqintel.simulator.ids import Ids


def at(*moment):
    return int(datetime(*moment, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        (at(2025, 1, 31, 15), 1, at(2025, 2, 28, 15)),
        (at(2025, 1, 31, 15), 2, at(2025, 3, 31, 15)),
        (at(2024, 2, 29), 12, at(2025, 2, 28)),
        (at(2025, 3, 31), -1, at(2025, 2, 28)),
        (at(2025, 11, 30), 3, at(2026, 2, 28)),
    ],
)
def test_months_keep_their_day_where_there_is_one(start, months, expected):
    assert add_months(start, months) == expected


@pytest.mark.parametrize(
    ("anchor", "interval", "count", "after", "expected"),
    [
        (at(2025, 1, 31), "month", 1, at(2025, 1, 31), at(2025, 2, 28)),
        (at(2025, 1, 31), "month", 1, at(2025, 2, 28), at(2025, 3, 31)),
        (at(2025, 1, 15), "month", 3, at(2025, 5, 1), at(2025, 7, 15)),
        (at(2024, 2, 29), "year", 1, at(2025, 2, 28), at(2026, 2, 28)),
        (at(2025, 1, 1), "week", 2, at(2025, 1, 15), at(2025, 1, 29)),
        (at(2025, 1, 1), "day", 1, at(2025, 1, 1, 23, 59), at(2025, 1, 2)),
        (at(2025, 6, 1), "month", 1, at(2025, 5, 20), at(2025, 6, 1)),
    ],
)
def test_the_next_boundary_lies_on_the_anchors_grid(anchor, interval, count, after, expected):
    assert next_boundary(anchor, interval, count, after) == expected


def test_the_part_that_is_left_is_exact():
    assert part_left(0, 31 * DAY, 21 * DAY) == Fraction(10, 31)
    assert part_left(0, 10, 12) == 0


def test_the_clock_runs_what_is_due_in_order_and_never_back():
    clock, ran = Clock(100), []

    def later(name):
        ran.append((clock.now, name))
        if name == "first":
            clock.schedule(105, later, "from first")

    clock.schedule(110, later, "last")
    clock.schedule(105, later, "first")
    clock.schedule(105, later, "second")
    clock.schedule(120, later, "not yet")
    clock.advance(110)
    assert ran == [(105, "first"), (105, "second"), (105, "from first"), (110, "last")]
    assert clock.now == 110
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(109)


def test_moments():
    assert seconds(datetime(2025, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == at(2025, 1, 1)
    assert utc(at(2025, 1, 1)) == datetime(2025, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="time zone"):
        seconds(datetime(2025, 1, 1))  # noqa: DTZ001 - the naive one is the point


def test_currencies_have_their_decimals():
    assert [exponent(currency) for currency in ("usd", "jpy", "kwd", "isk", "ugx")] == [2, 0, 3, 2, 2]
    assert [str(in_major_units(Fraction(n, 2), "usd")) for n in (1, 3, 5)] == ["0.00", "0.02", "0.02"]
    assert in_major_units(1234, "jpy") == Decimal(1234)
    assert str(in_major_units(0, "kwd")) == "0.000"


def test_ids_look_like_stripes_and_follow_the_seed():
    ids = Ids(1)
    made = [ids.new(prefix) for prefix in ("sub", "cus", "in", "evt", "cs_test")]
    assert made == [Ids(1).new("sub"), *made[1:]]
    assert [len(part.rpartition("_")[2]) for part in made] == [24, 14, 24, 24, 58]
    assert all(part.rpartition("_")[2].isalnum() for part in made)
