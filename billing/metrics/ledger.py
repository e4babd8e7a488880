"""What the daily rollups say about a period, per currency: the balance to start from and what each day did to it.

Everything that dashboards show of MRR is a sum over these few rows, however many subscriptions stand behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from billing.actions.bulk import fetch
from billing.models import MovementKind
from billing.modes import Mode
from billing.money import Money, total

from .periods import Period

EVERYBODY: Final = ""
"""The "currency" of the rows that count customers once over all currencies."""

_MOVES: Final = """
SELECT currency, kind, greatest(day, %(eve)s), sum(amount), sum(subscribers)::bigint, sum(moves)::bigint
FROM billing_dailyrollup
WHERE workspace_id = %(ws)s AND mode = %(mode)s AND price = '' AND day <= %(last)s
GROUP BY 1, 2, 3
"""
# One pass over the rows by price, for what stands at the end of each price and for trial MRR day by day: whole months
# as far as they lie before the period, then days.
_BY_PRICE: Final = """
SELECT GROUPING(price), currency, price, day, sum(amount), sum(subscribers)::bigint, sum(trial)
FROM (
    SELECT currency, price, greatest(day, %(eve)s) AS day, amount, subscribers, trial FROM billing_dailyrollup
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND kind = 'plan_month' AND day < %(month)s
    UNION ALL
    SELECT currency, price, greatest(day, %(eve)s), amount, subscribers, trial FROM billing_dailyrollup
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND kind = 'plan' AND day BETWEEN %(month)s AND %(last)s
) rows
GROUP BY GROUPING SETS ((currency, price), (currency, day))
HAVING GROUPING(price) = 0 OR sum(trial) <> 0
"""


class Flow(NamedTuple):
    """What movements came to: signed minor units, signed people, how many."""

    amount: Decimal
    subscribers: int
    moves: int


class Standing(NamedTuple):
    """What stands at the end of the period for one price: minor units, people."""

    price: str
    amount: Decimal
    subscribers: int


@dataclass(frozen=True)
class Book:
    """One currency over a period. Amounts in minor units, exact; `days` has only those on which something moved.

    `prices` are as of the end of what was read, the largest first, those with nothing left out.
    """

    currency: str
    period: Period
    opening: Money
    active_at_start: int
    trial_opening: Money
    days: Mapping[date, Mapping[str, Flow]] = field(default_factory=dict)
    trial_days: Mapping[date, Money] = field(default_factory=dict)
    prices: tuple[Standing, ...] = ()

    @property
    def closing(self) -> Money:
        """MRR at the close of the last day."""
        return self.opening + self._sum(self.period.first, self.period.last)

    @property
    def active_at_end(self) -> int:
        return self.active_at_start + self._people(self.period.first, self.period.last)

    @property
    def trial_mrr(self) -> Money:
        """Trial MRR at the close of the last day."""
        return total([self.trial_opening, *self.trial_days.values()], self.currency)

    def amount(self, *kinds: MovementKind) -> Money:
        """The signed sum of the movements of these kinds."""
        return self._money(flow.amount for day in self.days.values() for kind, flow in day.items() if kind in kinds)

    def moves(self, *kinds: MovementKind) -> int:
        """How many movements of these kinds there were."""
        return sum(flow.moves for day in self.days.values() for kind, flow in day.items() if kind in kinds)

    def moved(self, day: date) -> Money:
        """What a day did to MRR."""
        return self._money(flow.amount for flow in self.days.get(day, {}).values())

    def balances(self) -> list[tuple[date, Money]]:
        """MRR at the close of every day."""
        return self._running(self.opening, {day: self.moved(day) for day in self.days})

    def trial_balances(self) -> list[tuple[date, Money]]:
        """Trial MRR at the close of every day."""
        return self._running(self.trial_opening, self.trial_days)

    def active_by_day(self) -> list[tuple[date, int]]:
        """Active subscribers at the close of every day."""
        active, series = self.active_at_start, []
        for day in self.period:
            active += sum(flow.subscribers for flow in self.days.get(day, {}).values())
            series.append((day, active))
        return series

    def within(self, period: Period) -> Book:
        """The book of a part of this one's period. Raises ValueError when it is no part."""
        if period.first < self.period.first or period.last > self.period.last:
            raise ValueError("that is no part of what was read")
        return replace(
            self,
            period=period,
            opening=self.opening + self._sum(self.period.first, period.eve),
            active_at_start=self.active_at_start + self._people(self.period.first, period.eve),
            days={day: flows for day, flows in self.days.items() if period.first <= day <= period.last},
            trial_opening=self.trial_opening
            + total([amount for day, amount in self.trial_days.items() if day < period.first], self.currency),
            trial_days={day: amount for day, amount in self.trial_days.items() if period.first <= day <= period.last},
        )

    def _sum(self, first: date, last: date) -> Money:
        days = (flows for day, flows in self.days.items() if first <= day <= last)
        return self._money(flow.amount for flows in days for flow in flows.values())

    def _people(self, first: date, last: date) -> int:
        return sum(
            flow.subscribers for day, flows in self.days.items() if first <= day <= last for flow in flows.values()
        )

    def _money(self, amounts: Iterable[Decimal]) -> Money:
        return total((Money(amount, self.currency) for amount in amounts), self.currency)

    def _running(self, opening: Money, moves: Mapping[date, Money]) -> list[tuple[date, Money]]:
        balance, series = opening, []
        for day in self.period:
            if day in moves:
                balance += moves[day]
            series.append((day, balance))
        return series


@dataclass(frozen=True)
class Ledger:
    """All currencies of a workspace and mode over a period; `people` counts customers over all of them once."""

    period: Period
    books: tuple[Book, ...]
    people: Book

    def within(self, period: Period) -> Ledger:
        """A part of this ledger; see `Book.within`."""
        return Ledger(period, tuple(book.within(period) for book in self.books), self.people.within(period))

    def book(self, currency: str) -> Book:
        """The book of a currency, an empty one where nothing ever was; `EVERYBODY` gives `people`."""
        if currency == EVERYBODY:
            return self.people
        found = (book for book in self.books if book.currency == currency)
        return next(found, None) or _empty(currency, self.period)


def ledger(workspace_id: int, mode: Mode, period: Period) -> Ledger:
    """Read the rollups of a period and what stood before it, the currency with the largest MRR first.

    Two queries, whose cost grows with days, prices and currencies alone. Must run in scope.
    """
    params = {
        "ws": workspace_id,
        "mode": str(mode),
        "eve": period.eve,
        "month": period.eve.replace(day=1),
        "last": period.last,
    }
    books: dict[str, Book] = {}
    moves: dict[str, dict[date, dict[str, Flow]]] = {}
    for currency, kind, day, *flow in fetch(_MOVES, params):
        moves.setdefault(currency, {}).setdefault(day, {})[kind] = Flow(*flow)
    trials: dict[str, dict[date, Money]] = {}
    prices: dict[str, list[Standing]] = {}
    for by_day, currency, price, day, amount, subscribers, trial in fetch(_BY_PRICE, params):
        if by_day:
            trials.setdefault(currency, {})[day] = Money(trial, currency)
        elif amount > 0:
            prices.setdefault(currency, []).append(Standing(price, amount, subscribers))
    for currency in {*moves, *trials, EVERYBODY}:
        days, trial_days = moves.get(currency, {}), trials.get(currency, {})
        before = days.pop(period.eve, {}).values()
        books[currency] = Book(
            currency,
            period,
            opening=total((Money(flow.amount, currency) for flow in before), currency),
            active_at_start=sum(flow.subscribers for flow in before),
            trial_opening=trial_days.pop(period.eve, Money(0, currency)),
            days=days,
            trial_days=trial_days,
            prices=tuple(sorted(prices.get(currency, ()), key=lambda price: (-price.amount, price.price))),
        )
    people = books.pop(EVERYBODY)
    by_size = sorted(books.values(), key=lambda book: (-book.closing.amount, book.currency))
    return Ledger(period, tuple(by_size), people)


def _empty(currency: str, period: Period) -> Book:
    return Book(currency, period, Money(0, currency), 0, Money(0, currency))
