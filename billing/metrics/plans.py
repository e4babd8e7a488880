"""Plan distribution: MRR and active subscribers by tier where prices are mapped to one, else by product and price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.access.mapped import tiers_of_prices
from billing.access.tiers import TierTerms
from billing.modes import Mode
from billing.money import Money, total
from billing.names import PlanName, plan_names

from .ledger import Book, Ledger
from .mrr import PlanLine


@dataclass(frozen=True)
class PlanGroup:
    """A tier with the prices that give it, or a single price that gives none (`tier` is then "").

    `share` in percent of the currency's MRR, 0–100. `people_overlap`: somebody may stand at several of the prices, and
    `subscribers` counts them at each.
    """

    tier: str
    name: str
    mrr: Money
    subscribers: int
    share: Decimal
    plans: tuple[PlanLine, ...]
    people_overlap: bool = False


def plans(workspace_id: int, mode: Mode, ledger: Ledger) -> dict[str, tuple[PlanGroup, ...]]:
    """The plan distribution of each currency at the end of a ledger, the largest group first, as mapped now.

    Five queries, whose cost grows with prices alone. Must run in scope.
    """
    prices = [price.price for book in ledger.books for price in book.prices]
    names = plan_names(workspace_id, mode, prices)
    tiers = tiers_of_prices(workspace_id, mode, prices)
    return {book.currency: grouped(book, names, tiers) for book in ledger.books}


def grouped(book: Book, names: Mapping[str, PlanName], tiers: Mapping[str, TierTerms]) -> tuple[PlanGroup, ...]:
    """One currency's groups, the largest first. Pure.

    The daily sums count people by price. Nobody stands at two prices where these counts come to the active subscribers,
    so a tier's count is then exact; otherwise a tier of several prices may count somebody twice, and says so.
    """
    whole = total([Money(price.amount, book.currency) for price in book.prices], book.currency).minor
    alone = sum(price.subscribers for price in book.prices) == book.active_at_end
    lines: dict[tuple[str, str], list[PlanLine]] = {}
    for price in book.prices:
        line = PlanLine(
            price.price,
            names[price.price].name,
            names[price.price].interval_label,
            Money(price.amount, book.currency),
            price.subscribers,
            100 * price.amount / whole,
        )
        tier = tiers.get(price.price)
        lines.setdefault((tier.key, "") if tier else ("", price.price), []).append(line)
    groups = [
        PlanGroup(
            tier,
            tiers[mine[0].price].name if tier else mine[0].name,
            total([line.mrr for line in mine], book.currency),
            sum(line.active_subscribers for line in mine),
            100 * sum(line.mrr.minor for line in mine) / Decimal(whole),
            tuple(mine),
            people_overlap=not alone and len(mine) > 1,
        )
        for (tier, _), mine in lines.items()
    ]
    return tuple(sorted(groups, key=lambda group: (-group.mrr.minor, group.name, group.tier)))
