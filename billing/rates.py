"""Exchange rates: one day's amount of one currency in another. A rate that is not known is said, never guessed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact
from functools import cache
from typing import Final

from .models import ExchangeRate
from .money import Money, exponent

FRESH_DAYS: Final = 7
"""How old a rate may be: weekends and holidays have none of their own, and take the one before."""

EURO: Final = "eur"
_RATE: Final = Decimal(1).scaleb(-18)
_ONE: Final = Decimal(1)
_ROUNDING: Final = Context(prec=80, rounding=ROUND_HALF_EVEN)
_EXACT: Final = Context(prec=120, traps=[Inexact])


class MissingRate(LookupError):  # noqa: N818 - it names what is so
    """No rate of `currency` for `day`, nor in the week before it."""

    def __init__(self, currency: str, day: date) -> None:
        super().__init__(f"There is no exchange rate of {currency.upper()} for {day} or the {FRESH_DAYS} days before.")
        self.currency = currency
        self.day = day


@dataclass(frozen=True)
class Rates:
    """What one euro bought, by currency in order of the days; loaded by `rates_between`."""

    per_euro: Mapping[str, Sequence[tuple[date, Decimal]]]

    def rate(self, source: str, target: str, day: date) -> Decimal:
        """How many major units of `target` one of `source` came to on a day, to 18 decimal places, half even.

        Raises:
            MissingRate: one of the two has no rate of that day or of the 7 days before.
        """
        if source == target:
            return _ONE
        return _ROUNDING.divide(self._euro(target, day), self._euro(source, day)).quantize(_RATE, context=_ROUNDING)

    def converted(self, amount: Money, target: str, day: date) -> Money:
        """An amount at the rate of a day, exact: nothing is rounded but the rate. Raises `MissingRate`."""
        return Money(convert(amount.minor, amount.currency, target, self.rate(amount.currency, target, day)), target)

    def _euro(self, currency: str, day: date) -> Decimal:
        if currency == EURO:
            return _ONE
        known = self.per_euro.get(currency, ())
        at = bisect_right(known, day, key=lambda entry: entry[0])
        if not at or known[at - 1][0] < day - timedelta(days=FRESH_DAYS):
            raise MissingRate(currency, day)
        return known[at - 1][1]


def convert(minor: Decimal | int, source: str, target: str, rate: Decimal) -> Decimal:
    """Minor units of `source` in minor units of `target` at a rate between major units, exact."""
    return _EXACT.multiply(_EXACT.multiply(Decimal(minor), rate), _shift(exponent(target) - exponent(source)))


@cache
def _shift(places: int) -> Decimal:
    return Decimal(1).scaleb(places)


def rates_between(currencies: Collection[str], first: date, last: date) -> Rates:
    """The rates of these currencies for every day from `first` to `last`. One query; none where nothing is converted.

    Reference data, the same for every workspace: needs no scope.
    """
    wanted = sorted(set(currencies) - {EURO})
    if not wanted:
        return Rates({})
    rows = ExchangeRate.objects.filter(
        currency__in=wanted, day__gte=first - timedelta(days=FRESH_DAYS), day__lte=last
    ).order_by("currency", "day")
    found: dict[str, list[tuple[date, Decimal]]] = {}
    for currency, day, per_euro in rows.values_list("currency", "day", "per_euro"):
        found.setdefault(currency, []).append((day, per_euro))
    return Rates(found)


def total(amounts: Iterable[Money], target: str, day: date, rates: Rates) -> Money:
    """Amounts of any currencies in one, at the rates of a day. Raises `MissingRate`."""
    whole = Money(Decimal(0), target)
    for amount in amounts:
        whole += rates.converted(amount, target, day)
    return whole
