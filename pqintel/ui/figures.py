"""Numbers as text: money in its currency's own digits, counts, percentages. Locale en_US throughout."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Protocol

from babel.core import Locale
from babel.numbers import format_compact_currency, get_currency_symbol

LOCALE = Locale.parse("en_US")
MINUS = "\N{MINUS SIGN}"
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


class Amount(Protocol):
    """What this room needs to know of money. `currency` is a lower-case ISO 4217 code."""

    @property
    def currency(self) -> str: ...

    def plain(self) -> str:
        """Major units, rounded to the currency's digits: `12500.00`, `5000`, `3.500`."""
        ...


def money(value: Amount) -> str:
    """`$12,500.00`, `¥5,000`, `KWD 3.500`."""
    return "".join(money_parts(value))


def money_parts(value: Amount) -> tuple[str, str]:
    """The same text in two pieces, so that the fraction can be set smaller: `("$12,500", ".00")`; no fraction: `""`."""
    return _dressed(value.plain(), value.currency)


def money_like(amount: Decimal, unit: Amount) -> str:
    """`amount` (major units) in the currency and with the digits of `unit`, rounded half even."""
    digits = len(unit.plain().partition(".")[2])
    rounded = amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
    return "".join(_dressed(f"{rounded:f}", unit.currency))


def money_compact(amount: Decimal, currency: str) -> str:
    """For axis labels: `$12.5K`. `amount` in major units."""
    text = format_compact_currency(amount, currency.upper(), locale=LOCALE, fraction_digits=3)
    symbol = _symbol(currency)
    return text.replace(symbol.rstrip(NO_BREAK_SPACE), symbol, 1).replace("-", MINUS)


def count(value: int) -> str:
    """`1,234`."""
    return f"{value:,}".replace("-", MINUS)


def percent(value: Decimal) -> str:
    """`37.5%`, one digit; a share that rounds to nothing but is not nothing reads `<0.1%`."""
    rounded = value.quantize(Decimal("0.1"), ROUND_HALF_EVEN)
    if rounded == 0 and value > 0:
        return "<0.1%"
    return f"{rounded:,}%".replace("-", MINUS)


def ratio(value: Fraction | None) -> str:
    """A part of a whole in percent with two digits: `6.67%`; "n/a" where there is nothing to divide by."""
    return "n/a" if value is None else f"{_decimal(value * 100, 2):,}%".replace("-", MINUS)


def signed_count(value: int) -> str:
    """A change of a count: `+12`, `−3`, `±0`."""
    return f"+{count(value)}" if value > 0 else count(value) if value else "±0"


def signed_ratio(value: Fraction) -> str:
    """A change in percent: `+2.50%`."""
    return f"+{ratio(value)}" if value > 0 else ratio(value)


def times(value: Fraction | None) -> str:
    """How many times over, with one digit: `2.0`; "n/a" where there is nothing to divide by."""
    return "n/a" if value is None else f"{_decimal(value, 1):,}".replace("-", MINUS)


def _decimal(value: Fraction, digits: int) -> Decimal:
    """Rounded half even, as round() does with fractions."""
    return Decimal(round(value * 10**digits)).scaleb(-digits)


def _dressed(plain: str, currency: str) -> tuple[str, str]:
    """A plain figure with sign, symbol and separators: (sign, symbol and whole; point and fraction)."""
    amount = Decimal(plain)
    whole, point, fraction = f"{abs(amount):,f}".partition(".")
    return f"{MINUS if amount < 0 else ''}{_symbol(currency)}{whole}", point + fraction


def _symbol(currency: str) -> str:
    """`$`, and `KWD` with the space that CLDR asks for between letters and digits."""
    symbol = get_currency_symbol(currency.upper(), locale=LOCALE)
    return symbol + NO_BREAK_SPACE if symbol[-1].isalpha() else symbol
