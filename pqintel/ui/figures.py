"""Numbers as text: money in its currency's own digits, counts, percentages. Locale en_US throughout."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Protocol

from babel.core import Locale
from babel.numbers import format_compact_currency, get_currency_precision, get_currency_symbol

LOCALE = Locale.parse("en_US")
MINUS = "\N{MINUS SIGN}"
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


class Amount(Protocol):
    """What this room needs to know of money: `amount` in major units, `currency` as a lower-case ISO 4217 code."""

    @property
    def amount(self) -> Decimal: ...

    @property
    def currency(self) -> str: ...


def money(value: Amount) -> str:
    """`$12,500.00`, `¥5,000`, `KWD 3.500`: rounded half even to the currency's digits (metrics.md: only for display)."""
    sign, symbol, whole, fraction = _parts(value.amount, value.currency)
    return f"{sign}{symbol}{whole}{fraction}"


def money_parts(value: Amount) -> tuple[str, str]:
    """The same text in two pieces, so that the fraction can be set smaller: `("$12,500", ".00")`; no fraction: `""`."""
    sign, symbol, whole, fraction = _parts(value.amount, value.currency)
    return f"{sign}{symbol}{whole}", fraction


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


def _parts(amount: Decimal, currency: str) -> tuple[str, str, str, str]:
    digits = get_currency_precision(currency.upper())
    rounded = amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
    whole, _, fraction = f"{abs(rounded):,f}".partition(".")
    return (MINUS if rounded < 0 else ""), _symbol(currency), whole, (f".{fraction}" if fraction else "")


def _symbol(currency: str) -> str:
    """`$`, and `KWD` with the space that CLDR asks for between letters and digits."""
    symbol = get_currency_symbol(currency.upper(), locale=LOCALE)
    return symbol + NO_BREAK_SPACE if symbol[-1].isalpha() else symbol
