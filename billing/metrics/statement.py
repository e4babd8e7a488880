"""How MRR came from its start to its end: the movements of a period, in one currency or in the reporting currency.

`start + new + reactivation + expansion + contraction + churn + involuntary churn + fx = end` holds exactly, because
amounts have 18 decimal places, a rate has 18, and nothing else is rounded. In the reporting currency each day's
movements count at that day's rate, and what the rate's change does to the balance of the day before is `fx`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from billing.models import MovementKind
from billing.money import Money, total
from billing.rates import MissingRate, Rates

from .ledger import Book, Ledger

UP: Final = (MovementKind.NEW, MovementKind.REACTIVATION, MovementKind.EXPANSION)
DOWN: Final = (MovementKind.CONTRACTION, MovementKind.CHURN, MovementKind.INVOLUNTARY_CHURN)
KINDS: Final = UP + DOWN
CHURNS: Final = (MovementKind.CHURN, MovementKind.INVOLUNTARY_CHURN)


@dataclass(frozen=True)
class Statement:
    """MRR at the start, what each kind of movement did to it (signed), what rates did, MRR at the end. Exact.

    `fx` is zero in a currency of its own. `moves` is the number of movements by kind.
    """

    currency: str
    start: Money
    amounts: Mapping[MovementKind, Money]
    moves: Mapping[MovementKind, int]
    fx: Money
    end: Money

    def of(self, *kinds: MovementKind) -> Money:
        """The signed sum of these kinds."""
        return total([self.amounts[kind] for kind in kinds], self.currency)

    @property
    def net_new(self) -> Money:
        """What customers did: all movements, without the effect of rates."""
        return self.of(*KINDS)

    @property
    def rounding(self) -> Money:
        """What the rounded end is more than the sum of the rounded lines: a few minor units at most.

        Every line is shown rounded for itself; so that a shown statement adds up too, this is a line of its own.
        """
        lines = [self.start, *self.amounts.values(), self.fx]
        return self.end.rounded() - total([line.rounded() for line in lines], self.currency)


@dataclass(frozen=True)
class Reporting:
    """All currencies in the reporting currency. What a rate is missing for is None, and `missing` names the rates.

    `closes` are MRR at the close of each day, at that day's rate.
    """

    currency: str
    statement: Statement | None
    mrr: Money | None
    closes: tuple[tuple[date, Money], ...]
    missing: tuple[MissingRate, ...]


def statement(book: Book) -> Statement:
    """The movements of a currency over its book's period."""
    return Statement(
        book.currency,
        start=book.opening,
        amounts={kind: book.amount(kind) for kind in KINDS},
        moves={kind: book.moves(kind) for kind in KINDS},
        fx=Money(0, book.currency),
        end=book.closing,
    )


def reporting(ledger: Ledger, currency: str, rates: Rates) -> Reporting:
    """The movements of all currencies over a period in one, with the effect of rates as its own line.

    Args:
        rates: of the ledger's period and the day before it. They are only asked for where something is to be converted.
    """
    parts: list[tuple[Statement, dict[date, Money]]] = []
    missing: dict[str, MissingRate] = {}
    for book in ledger.books:
        try:
            parts.append(_converted(book, currency, rates))
        except MissingRate as error:
            missing.setdefault(error.currency, error)
    if missing:
        return Reporting(currency, None, _mrr(ledger, currency, rates), (), tuple(missing.values()))
    whole = _added([part for part, _ in parts], currency)
    closes = tuple((day, total([by_day[day] for _, by_day in parts], currency)) for day in ledger.period)
    return Reporting(currency, whole, whole.end, closes, ())


def _mrr(ledger: Ledger, currency: str, rates: Rates) -> Money | None:
    """MRR at the end alone, which needs no other day's rates."""
    try:
        closings = [book.closing for book in ledger.books if book.closing]
        return total([rates.converted(closing, currency, ledger.period.last) for closing in closings], currency)
    except MissingRate:
        return None


def _converted(book: Book, currency: str, rates: Rates) -> tuple[Statement, dict[date, Money]]:
    zero = Money(0, currency)
    amounts, fx = dict.fromkeys(KINDS, zero), zero
    balance, closes = book.opening, {}
    start = rates.converted(balance, currency, book.period.eve) if balance else zero
    worth = start
    for day in book.period:
        flows = book.days.get(day, {})
        if balance and book.currency != currency:
            now = rates.converted(balance, currency, day)
            fx += now - worth
            worth = now
        for kind in KINDS:
            if kind in flows:
                moved = Money(flows[kind].amount, book.currency)
                amount = rates.converted(moved, currency, day)
                amounts[kind] += amount
                worth += amount
                balance += moved
        closes[day] = worth
    moves = {kind: book.moves(kind) for kind in KINDS}
    return Statement(currency, start, amounts, moves, fx, worth), closes


def _added(found: Sequence[Statement], currency: str) -> Statement:
    return Statement(
        currency,
        start=total([part.start for part in found], currency),
        amounts={kind: total([part.amounts[kind] for part in found], currency) for kind in KINDS},
        moves={kind: sum(part.moves[kind] for part in found) for kind in KINDS},
        fx=total([part.fx for part in found], currency),
        end=total([part.end for part in found], currency),
    )
