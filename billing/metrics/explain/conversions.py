"""What a sum in the reporting currency is made of: each currency's own, at the rate of its day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from billing.metrics.ledger import Ledger
from billing.models import MovementKind
from billing.money import Money, total
from billing.rates import Rates

from .rows import PAGE_ROWS, Converted, Rows, offset


def at_close(ledger: Ledger, currency: str, rates: Rates, *, trial: bool = False) -> Rows:
    """MRR (or trial MRR) of each currency at the close of the ledger's last day. Raises `MissingRate`."""
    balances = [book.trial_mrr if trial else book.closing for book in ledger.books]
    return of_day(balances, currency, ledger.period.last, rates)


def of_day(amounts: Sequence[Money], currency: str, day: date, rates: Rates) -> Rows:
    """Amounts of several currencies at the rates of a day. Raises `MissingRate`."""
    return _rows([_one(amount, currency, day, rates) for amount in amounts if amount], currency)


def moved(ledger: Ledger, currency: str, kinds: Sequence[MovementKind], rates: Rates) -> Rows:
    """What movements of some kinds came to, by day and currency, the newest first. Raises `MissingRate`."""
    found = [
        _one(Money(amount, book.currency), currency, day, rates)
        for book in ledger.books
        for day, flows in book.days.items()
        if any(kind in flows for kind in kinds)
        and (amount := total([Money(flows[k].amount, book.currency) for k in kinds if k in flows], book.currency).minor)
    ]
    return _rows(sorted(found, key=lambda row: (row.day, row.currency), reverse=True), currency)


def fx(ledger: Ledger, currency: str, rates: Rates) -> Rows:
    """What each change of a rate did to the balance of the day before, the newest first. Raises `MissingRate`."""
    found = sorted(_effects(ledger, currency, rates), key=lambda row: (row.day, row.currency), reverse=True)
    return _rows(found, currency)


def paged(rows: Rows, page: int) -> Rows:
    """One page of rows that are all there."""
    first = offset(page)
    return replace(rows, converted=rows.converted[first : first + PAGE_ROWS], page=page)


def _effects(ledger: Ledger, currency: str, rates: Rates) -> Iterator[Converted]:
    for book in ledger.books:
        balance = book.opening
        for day, close in book.balances():
            if balance and book.currency != currency:
                before = rates.rate(book.currency, currency, day - timedelta(days=1))
                now = rates.rate(book.currency, currency, day)
                if now != before:
                    then = rates.converted(balance, currency, day - timedelta(days=1))
                    effect = rates.converted(balance, currency, day) - then
                    yield Converted(book.currency, day, balance, now, before, effect)
            balance = close


def _one(amount: Money, currency: str, day: date, rates: Rates) -> Converted:
    rate = rates.rate(amount.currency, currency, day)
    return Converted(amount.currency, day, amount, rate, None, rates.converted(amount, currency, day))


def _rows(found: Sequence[Converted], currency: str) -> Rows:
    return Rows(converted=found, number=len(found), amount=total([row.amount for row in found], currency))
