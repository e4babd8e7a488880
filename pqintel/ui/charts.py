"""Geometry of server-rendered charts: what to draw, the sentence that says it, and the same numbers as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, Decimal

from django.utils.formats import date_format

from pqintel.ui import figures

WIDTH = 1000
HEIGHT = 240
INTERVALS = 4
STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


@dataclass(frozen=True)
class Point:
    """One day of a series and its amount as text; `x` and `y` in the drawing's units (WIDTH × HEIGHT, y downwards)."""

    day: date
    value: str
    x: str
    y: str
    estimated: bool = False


@dataclass(frozen=True)
class AreaChart:
    """`ticks` run from the top of the axis to its bottom; `days` from the left to the right."""

    points: list[Point]
    ticks: list[str]
    grid: list[str]
    days: list[date]
    line: str
    area: str
    summary: str
    width: int = WIDTH
    height: int = HEIGHT


def area_chart(
    series: Sequence[tuple[date, Decimal]], unit: figures.Amount, estimated_before: date | None = None
) -> AreaChart | None:
    """A chart of daily amounts, in order of date and in major units of the currency of `unit`; None under two days.

    Days before `estimated_before` are marked in the table.
    """
    if len(series) < 2:
        return None
    values = [value for _, value in series]
    low, step = _axis(min(values), max(values))
    first_day, span = series[0][0], max((series[-1][0] - series[0][0]).days, 1)
    points = [
        Point(
            day=day,
            value=figures.money_like(value, unit),
            x=_number(Decimal((day - first_day).days) * WIDTH / span),
            y=_number(HEIGHT - (value - low) / (step * INTERVALS) * HEIGHT),
            estimated=estimated_before is not None and day < estimated_before,
        )
        for day, value in series
    ]
    line = "M" + " L".join(f"{point.x} {point.y}" for point in points)
    return AreaChart(
        points=points,
        ticks=[figures.money_compact(low + step * n, unit.currency) for n in range(INTERVALS, -1, -1)],
        grid=[_number(Decimal(HEIGHT) * n / INTERVALS) for n in range(INTERVALS + 1)],
        days=[series[0][0], series[len(series) // 2][0], series[-1][0]],
        line=line,
        area=f"{line} L{WIDTH} {HEIGHT} L0 {HEIGHT} Z",
        summary=_summary(points, values, span),
    )


def _axis(smallest: Decimal, largest: Decimal) -> tuple[Decimal, Decimal]:
    """Where the axis begins and its step, in round figures.

    From zero, unless all values lie in the upper half of that; then with at least a tenth of the largest below the
    smallest, so that a small change does not look like a cliff.
    """
    floor = min(smallest, Decimal(0))
    if smallest > largest / 2 > 0:
        floor = smallest - max((largest - smallest) / 2, largest / 10)
    step = _round_step((largest - floor) / INTERVALS)
    low = (floor / step).to_integral_value(ROUND_FLOOR) * step
    while low + step * INTERVALS < largest:
        step = _round_step(step * Decimal("1.01"))
        low = (floor / step).to_integral_value(ROUND_FLOOR) * step
    return low, step


def _round_step(raw: Decimal) -> Decimal:
    """The next of 1, 2, 2.5, 5, 10 × 10ⁿ at or above `raw`; 1 for nothing."""
    if raw <= 0:
        return Decimal(1)
    power = Decimal(1).scaleb(raw.adjusted())
    return next(step * power for step in STEPS if step * power >= raw)


def _number(value: Decimal) -> str:
    """A coordinate: at most one decimal, no exponent."""
    return f"{value.quantize(Decimal('0.1')):f}".removesuffix(".0")


def _summary(points: Sequence[Point], values: Sequence[Decimal], span: int) -> str:
    """One sentence that says what the chart shows. A change from nothing has no percentage."""
    first, last = values[0], values[-1]
    verb = "is unchanged" if first == last else "rose" if last > first else "fell"
    by = f" by {figures.percent(abs(last - first) * 100 / first)}" if first > 0 and first != last else ""
    period = f"{span} day{'' if span == 1 else 's'}"
    start, end = (f"{point.value} on {date_format(point.day, 'j M Y')}" for point in (points[0], points[-1]))
    return f"MRR {verb}{by} in {period}, from {start} to {end}."
