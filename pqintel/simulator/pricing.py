"""What a quantity of a price costs for one billing interval."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from .state import Price


def cost(price: Price, quantity: int) -> Fraction:
    """Return the exact cost in minor units of `quantity` units for one interval, before discounts and tax.

    Transformed quantities, graduated tiers (each unit at the price of its own tier) and volume tiers (all units at
    the price of the tier that the total falls into); a tier's flat amount is due when the tier is reached.
    Source: metrics.md #7 and Stripe's tiered pricing.
    """
    if price.transform_divide_by:
        packages = Fraction(quantity, price.transform_divide_by)
        quantity = ceil(packages) if price.transform_round == "up" else floor(packages)
    if price.billing_scheme == "per_unit":
        return Fraction(price.unit_amount or 0) * quantity
    if price.tiers_mode == "volume":
        return _volume(price, quantity)
    return _graduated(price, quantity)


def _volume(price: Price, quantity: int) -> Fraction:
    for tier in price.tiers:
        if tier.up_to is None or quantity <= tier.up_to:
            return Fraction(tier.unit_amount) * quantity + Fraction(tier.flat_amount)
    return Fraction(0)


def _graduated(price: Price, quantity: int) -> Fraction:
    total, below = Fraction(0), 0
    for tier in price.tiers:
        if quantity <= below and below:
            break
        reached = quantity if tier.up_to is None else min(quantity, tier.up_to)
        total += Fraction(tier.unit_amount) * (reached - below) + Fraction(tier.flat_amount)
        if tier.up_to is None:
            break
        below = tier.up_to
    return total


def whole(amount: Fraction) -> int:
    """Round an exact amount to minor units, halves away from zero, as invoices are."""
    return floor(amount + Fraction(1, 2)) if amount >= 0 else -floor(-amount + Fraction(1, 2))
