"""What a customer is worth: ARPA and LTV. Money rounded half even at 18 decimal places of a minor unit."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

from billing.money import Money

_PLACES = 18
_CONTEXT = Context(prec=80, rounding=ROUND_HALF_EVEN)


def arpa(mrr: Money, active: int) -> Money | None:
    """MRR per active subscriber; None without any."""
    return _divided(mrr, Fraction(active)) if active > 0 else None


def ltv(mrr: Money, active: int, churn: Fraction | None) -> Money | None:
    """ARPA ÷ subscriber churn of 30 days; None ("n/a") without subscribers, or without churn to divide by."""
    return _divided(mrr, active * churn) if active > 0 and churn else None


def _divided(amount: Money, by: Fraction) -> Money:
    scaled = round(Fraction(amount.minor) / by * 10**_PLACES)  # half even, as round() does with fractions
    return Money(_CONTEXT.scaleb(Decimal(scaled), -_PLACES), amount.currency)
