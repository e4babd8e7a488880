"""When billing periods begin and end.

Source: Stripe's billing cycle anchor, which keeps its day of the month where a month has it.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime
from fractions import Fraction

from .clock import DAY
from .state import Interval

_FIXED_LENGTH = {"day": DAY, "week": 7 * DAY}
_MONTHS = {"month": 1, "year": 12}


def add_months(moment: int, months: int) -> int:
    """Return the same day and time of day `months` later (or earlier), UTC; the last of a month that is too short."""
    at = datetime.fromtimestamp(moment, UTC)
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, monthrange(year, month + 1)[1])
    return int(at.replace(year=year, month=month + 1, day=day).timestamp())


def next_boundary(anchor: int, interval: Interval, count: int, after: int) -> int:
    """Return the first period boundary after `after`, on the grid of `count` intervals through `anchor`."""
    length = _FIXED_LENGTH.get(interval)
    if length is not None:
        step = length * count
        return anchor + ((after - anchor) // step + 1) * step
    step = _MONTHS[interval] * count
    first, second = datetime.fromtimestamp(anchor, UTC), datetime.fromtimestamp(after, UTC)
    months = (second.year - first.year) * 12 + second.month - first.month
    n = months // step
    boundary = add_months(anchor, n * step)
    while boundary <= after:
        n += 1
        boundary = add_months(anchor, n * step)
    return boundary


def part_left(start: int, end: int, now: int) -> Fraction:
    """Return which part of the period is still to come, to the second, as Stripe prorates."""
    return Fraction(max(0, end - now), end - start)
