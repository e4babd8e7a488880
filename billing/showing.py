"""Numbers as pages show them, and the addresses of what explains them."""

from __future__ import annotations

from fractions import Fraction
from urllib.parse import urlencode

from billing.metrics.definitions import Unit
from billing.metrics.numbers import Value
from billing.metrics.periods import Period
from billing.money import Money
from pqintel.ui import figures


def shown(value: Value, unit: Unit) -> str:
    """A number as text: "$1,200.00", "1,234", "6.67%", "2.0"; "n/a" for None."""
    match value:
        case None:
            return "n/a"
        case Money():
            return figures.money(value)
        case Fraction():
            return figures.times(value) if unit is Unit.TIMES else figures.ratio(value)
    return figures.count(value)


def signed(amount: Money) -> str:
    """A change: "+$30.00", "−$5.00", "$0.00"."""
    text = figures.money(amount)
    return f"+{text}" if amount.rounded().minor > 0 else text


def question(key: str, period: Period, price: str = "", page: int = 1, tier: str = "") -> str:
    """The query string of a number's page. `key` is a currency, or "all"."""
    asked = {"currency": key, "from": period.first.isoformat(), "to": period.last.isoformat()}
    if price:
        asked["price"] = price
    if tier:
        asked["tier"] = tier
    if page > 1:
        asked["page"] = str(page)
    return urlencode(asked)
