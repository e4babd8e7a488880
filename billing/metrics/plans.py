"""Plan distribution: MRR and active subscribers by price, named by their products."""

from __future__ import annotations

from decimal import Decimal

from billing.modes import Mode
from billing.money import Money, total
from billing.names import plan_names

from .ledger import Book, Ledger
from .mrr import PlanLine


def plans(workspace_id: int, mode: Mode, ledger: Ledger) -> dict[str, tuple[PlanLine, ...]]:
    """The plans of each currency at the end of a ledger, the largest first. Two queries (names). Must run in scope."""
    names = plan_names(workspace_id, mode, [price.price for book in ledger.books for price in book.prices])

    def lines(book: Book) -> tuple[PlanLine, ...]:
        whole = Decimal(total([Money(price.amount, book.currency) for price in book.prices], book.currency).minor)
        return tuple(
            PlanLine(
                price.price,
                names[price.price].name,
                names[price.price].interval_label,
                Money(price.amount, book.currency),
                price.subscribers,
                100 * price.amount / whole,
            )
            for price in book.prices
        )

    return {book.currency: lines(book) for book in ledger.books}
