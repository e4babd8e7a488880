"""What a quantity of a price comes to: per billing interval, and normalised to a month. Exact, in minor units.

Rules: metrics.md, MRR. Intervals ×1 (month), ÷ 12 (year), × 52/12 (week), × 365/12 (day), each ÷ the interval count;
quantities after `transform_quantity`; graduated and volume tiers with their flat amounts.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final

from billing.snapshots import Price, Tier

NOTHING: Final = Fraction(0)
_PER_MONTH: Final = {
    "day": Fraction(365, 12),
    "week": Fraction(52, 12),
    "month": Fraction(1),
    "year": Fraction(1, 12),
}


def per_month(price: Price) -> Fraction | None:
    """How often a month the price's interval falls; None for a one-off price or an interval that is new to us."""
    if not isinstance(price.interval, str) or price.interval not in _PER_MONTH:
        return None
    count = price.interval_count if isinstance(price.interval_count, int) else 1
    return _PER_MONTH[price.interval] / max(count, 1)


def per_interval(price: Price, quantity: int, unit_amount: Decimal | None, tiers: tuple[Tier, ...]) -> Fraction:
    """The amount for `quantity` units in one interval, before discounts.

    `unit_amount` and `tiers` are those of the currency that is billed; only one of them counts, by `billing_scheme`.
    """
    units = transformed(price, quantity)
    if price.billing_scheme != "tiered":
        return _fraction(unit_amount) * units
    return _volume(tiers, units) if price.tiers_mode == "volume" else _graduated(tiers, units)


def transformed(price: Price, quantity: int) -> int:
    """The quantity in packages, where the price is for packages of several units."""
    divide_by = price.transform_divide_by
    if not isinstance(divide_by, int) or divide_by <= 0:
        return quantity
    return -(-quantity // divide_by) if price.transform_round == "up" else quantity // divide_by


def _volume(tiers: tuple[Tier, ...], units: int) -> Fraction:
    """All units at the amount of the tier in which their number falls."""
    for tier in tiers:
        if tier.up_to is None or units <= tier.up_to:
            return _fraction(tier.unit_amount) * units + _fraction(tier.flat_amount)
    return NOTHING


def _graduated(tiers: tuple[Tier, ...], units: int) -> Fraction:
    """Each unit at the amount of its own tier; the flat amount of every tier that is reached, the first one always."""
    total, below = NOTHING, 0
    for number, tier in enumerate(tiers):
        if number and units <= below:
            break
        end = units if tier.up_to is None else min(units, tier.up_to)
        total += _fraction(tier.unit_amount) * (end - below) + _fraction(tier.flat_amount)
        below = end
    return total


def _fraction(amount: Decimal | None) -> Fraction:
    return NOTHING if amount is None else Fraction(amount)
