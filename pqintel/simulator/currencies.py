"""Minor units. Source: Stripe's tables of zero-decimal and three-decimal currencies."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

_ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
_THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))


def exponent(currency: str) -> int:
    """Return how many decimals the currency's major unit has in Stripe's amounts."""
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


def in_major_units(minor: Fraction | int, currency: str) -> Decimal:
    """Return exact minor units as major units, rounded half even to the currency's exponent."""
    return Decimal(round(Fraction(minor))).scaleb(-exponent(currency))
