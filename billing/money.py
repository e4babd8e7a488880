"""Money: an amount of one currency. Never a float, and never a sum across currencies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

ZERO_DECIMAL: Final = frozenset(
    "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # noqa: SIM905 - reads as Stripe's own list
)
THREE_DECIMAL: Final = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})

_EXACT: Final = Context(prec=80, rounding=ROUND_HALF_EVEN)
_WHOLE: Final = Decimal(1)
_SETTLED: Final = Decimal("0.000000001")


class MixedCurrencies(ValueError):  # noqa: N818 - it names what happened
    """Two amounts of different currencies met; only a rate can bring them together."""


def exponent(currency: str) -> int:
    """Decimal places between a currency's minor unit, in which Stripe counts, and its major unit.

    UGX and ISK have 2 at Stripe, although their banks count whole units.
    """
    code = currency.lower()
    if code in ZERO_DECIMAL:
        return 0
    return 3 if code in THREE_DECIMAL else 2


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units, whole as Stripe bills it or a decimal (monthly-normalised), and its currency.

    Adds, subtracts, negates, multiplies by whole numbers and compares, within one currency; what would lose
    precision or cross currencies raises (`MixedCurrencies`, TypeError).
    """

    minor: int | Decimal
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.minor, bool) or not isinstance(self.minor, int | Decimal):
            raise TypeError("money is an int or a Decimal in minor units, never a float")
        if isinstance(self.minor, Decimal) and not self.minor.is_finite():
            raise ValueError("money is finite")
        object.__setattr__(self, "currency", self.currency.lower())

    @property
    def amount(self) -> Decimal:
        """In major units, exact."""
        return _EXACT.scaleb(Decimal(self.minor), -exponent(self.currency))

    def rounded(self) -> Money:
        """To whole minor units, half even.

        Halves are judged at 9 decimal places: a sum of thirds kept at 18 places that exactly makes a half still counts
        as one.
        """
        settled = Decimal(self.minor).quantize(_SETTLED, context=_EXACT)
        return Money(int(settled.quantize(_WHOLE, context=_EXACT)), self.currency)

    def plain(self) -> str:
        """Rounded, in major units, with the currency's decimal places and nothing else: "12500.00", "5000", "3.500"."""
        return f"{self.rounded().amount:f}"

    def __add__(self, other: Money) -> Money:
        return Money(_sum(self.minor, self._same(other)), self.currency)

    def __sub__(self, other: Money) -> Money:
        return self + -other

    def __neg__(self) -> Money:
        return Money(_EXACT.minus(self.minor) if isinstance(self.minor, Decimal) else -self.minor, self.currency)

    def __mul__(self, times: int) -> Money:
        if isinstance(times, bool) or not isinstance(times, int):
            return NotImplemented
        product = _EXACT.multiply(self.minor, times) if isinstance(self.minor, Decimal) else self.minor * times
        return Money(product, self.currency)

    __rmul__ = __mul__

    def __bool__(self) -> bool:
        return bool(self.minor)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def __str__(self) -> str:
        return f"{self.plain()} {self.currency.upper()}"

    def _same(self, other: Money) -> int | Decimal:
        if other.currency != self.currency:
            raise MixedCurrencies(f"{self.currency} and {other.currency} do not add up without a rate")
        return other.minor


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum of amounts that are all in `currency`; zero when there are none. Raises `MixedCurrencies`."""
    whole = Money(0, currency)
    for amount in amounts:
        whole += amount
    return whole


def _sum(one: int | Decimal, other: int | Decimal) -> int | Decimal:
    if isinstance(one, int) and isinstance(other, int):
        return one + other
    return _EXACT.add(Decimal(one), Decimal(other))
