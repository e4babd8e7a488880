"""The customers behind what stands at the close of a day: MRR, trial MRR, active subscribers, one plan or tier."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from billing.actions.bulk import fetch
from billing.metrics.mrr import day_end
from billing.modes import Mode
from billing.money import Money

from .rows import PAGE_ROWS, Events, Row, Rows, Span, offset

_AT: Final = """
FROM billing_mrrspan
WHERE workspace_id = %(ws)s AND mode = %(mode)s AND trial = %(trial)s AND starts <= %(at)s AND ends > %(at)s
  AND (%(currency)s = '' OR currency = %(currency)s) AND (%(prices)s::text[] IS NULL OR price = ANY(%(prices)s::text[]))
"""
_CUSTOMERS: Final = (
    f"SELECT customer, sum(monthly) {_AT} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(limit)s OFFSET %(offset)s"
)
_TOTALS: Final = f"SELECT count(DISTINCT customer), coalesce(sum(monthly), 0) {_AT}"
_SPANS: Final = f"""
SELECT customer, subscription, price, currency, monthly, starts, ends {_AT} AND customer = ANY(%(customers)s)
ORDER BY customer, starts, subscription, item
"""


def standing(
    workspace_id: int,
    mode: Mode,
    currency: str,
    day: date,
    zone: ZoneInfo,
    *,
    trial: bool = False,
    prices: Collection[str] | None = None,
    page: int = 1,
) -> Rows:
    """Whose spans make the balance at the close of a day, the largest first. Four queries. Must run in scope.

    Args:
        currency: "" for people over all currencies; rows then have no amount.
        prices: only what is for one of these prices; None for all.
    """
    params: dict[str, Any] = {
        "ws": workspace_id,
        "mode": str(mode),
        "currency": currency,
        "prices": None if prices is None else sorted(prices),
        "trial": trial,
        "at": day_end(day, zone) - 1,
        "limit": PAGE_ROWS,
        "offset": offset(page),
    }
    ((number, amount),) = fetch(_TOTALS, params)
    shown: list[tuple[str, Decimal]] = [(customer, whole) for customer, whole in fetch(_CUSTOMERS, params)]
    spans = [Span(*row) for row in fetch(_SPANS, {**params, "customers": [customer for customer, _ in shown]})]
    events = Events(workspace_id, mode)
    events.load({(span.subscription, span.starts) for span in spans})
    parts = {
        customer: tuple(events.part(span, span.starts, 1) for span in spans if span.customer == customer)
        for customer, _ in shown
    }
    return Rows(
        [
            Row(customer, None, Money(whole, currency) if currency else None, 1, parts[customer])
            for customer, whole in shown
        ],
        number=number,
        amount=Money(amount, currency) if currency else None,
        count=number,
        page=page,
    )
