"""Plan distribution: MRR and active subscribers by price, at the close of a day, from the daily rollups."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from billing.actions.bulk import fetch
from billing.modes import Mode
from billing.money import Money, total
from billing.names import plan_names

from .mrr import PlanLine

_PLANS: Final = """
SELECT currency, price, sum(amount), sum(subscribers)::bigint FROM billing_dailyrollup
WHERE workspace_id = %s AND mode = %s AND price <> '' AND day <= %s
GROUP BY 1, 2 HAVING sum(amount) > 0
"""


def plans(workspace_id: int, mode: Mode, day: date) -> dict[str, tuple[PlanLine, ...]]:
    """The plans of each currency, the largest first. Three queries; cost grows with days and prices. Must run in scope.

    Args:
        day: of the workspace's time zone; its close counts.
    """
    found: dict[str, list[tuple[str, Decimal, int]]] = {}
    for currency, price, amount, subscribers in fetch(_PLANS, (workspace_id, str(mode), day)):
        found.setdefault(currency, []).append((price, amount, subscribers))
    named = plan_names(workspace_id, mode, [price for rows in found.values() for price, _, _ in rows])
    lines: dict[str, tuple[PlanLine, ...]] = {}
    for currency, rows in found.items():
        whole = total([Money(amount, currency) for _, amount, _ in rows], currency)
        lines[currency] = tuple(
            PlanLine(
                price,
                named[price].name,
                named[price].interval_label,
                Money(amount, currency),
                subscribers,
                100 * amount / Decimal(whole.minor),
            )
            for price, amount, subscribers in sorted(rows, key=lambda row: (-row[1], row[0]))
        )
    return lines
