"""Geometry of a waterfall on its side: a bar for each line of a table, so that every number stands beside its bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pqintel.ui import figures


@dataclass(frozen=True)
class Bar:
    """One bar: where it begins and how long it is, in percent of the width as SVG wants them.

    `tone`: total, good, bad or none.
    """

    x: str
    width: str
    tone: str


@dataclass(frozen=True)
class Waterfall:
    """A bar for each amount, the sentence that says what they show, and where the axis begins and ends ("" at zero)."""

    bars: tuple[Bar, ...]
    summary: str
    axis: str


def waterfall(amounts: Sequence[Decimal], summary: str, currency: str) -> Waterfall:
    """Bars for a start, what changes it, and the end it comes to; in major units. At least two amounts.

    The axis begins at zero, unless everything happens far above it; then `axis` says where.
    """
    levels = [amounts[0]]
    for amount in amounts[1:-1]:
        levels.append(levels[-1] + amount)
    levels.append(amounts[-1])
    low, high = _axis(levels)
    bars = []
    for number, (amount, level) in enumerate(zip(amounts, levels, strict=True)):
        if number in (0, len(amounts) - 1):
            bars.append(_bar(low, level, low, high, "total"))
        else:
            tone = "none" if not amount else "good" if amount > 0 else "bad"
            bars.append(_bar(level - amount, level, low, high, tone))
    said = "" if not low else f"Bars are drawn from {figures.money_compact(low, currency)}."
    return Waterfall(tuple(bars), summary, said)


def _axis(levels: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    low, high = min(levels), max(levels)
    if low > 0 and (high - low) * 3 < low:
        step = Decimal(1).scaleb((low).adjusted() - 1)
        return ((low - (high - low) / 3) // step) * step, high
    return min(low, Decimal(0)), max(high, Decimal(0))


def _bar(one: Decimal, other: Decimal, low: Decimal, high: Decimal, tone: str) -> Bar:
    if high == low:
        return Bar("0%", "0%", tone)
    x, end = sorted(100 * (value - low) / (high - low) for value in (one, other))
    return Bar(
        f"{max(x, Decimal(0)):.2f}%", f"{max(end - x, Decimal('0.4') if tone != 'none' else Decimal(0)):.2f}%", tone
    )
