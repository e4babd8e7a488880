"""Ledgers for tests, without a database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from billing.metrics.ledger import Book, Flow, Ledger
from billing.metrics.periods import Period
from billing.models import MovementKind
from billing.money import Money

FIRST = date(2026, 4, 1)

Days = Mapping[int, Mapping[MovementKind, tuple[str, int, int]]]


def book(opening: str, days: Days, *, length: int = 30, currency: str = "usd", active: int = 0) -> Book:
    """A currency's book of `length` days from FIRST on.

    Args:
        opening: minor units.
        days: by number of the day (0 = FIRST), (signed minor units, signed people, movements) by kind.
    """
    return Book(
        currency,
        Period(FIRST, FIRST + timedelta(days=length - 1)),
        Money(Decimal(opening), currency),
        active,
        Money(0, currency),
        {
            FIRST + timedelta(days=day): {
                str(kind): Flow(Decimal(amount), people, moves) for kind, (amount, people, moves) in flows.items()
            }
            for day, flows in days.items()
        },
    )


def ledger(*books: Book, length: int = 30) -> Ledger:
    return Ledger(Period(FIRST, FIRST + timedelta(days=length - 1)), books, book("0", {}, length=length, currency=""))
