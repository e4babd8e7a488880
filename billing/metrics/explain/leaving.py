"""The subscriptions behind scheduled churn, by the day on which they end."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from billing.actions.bulk import fetch
from billing.metrics.scheduled import EFFECTIVE, SCHEDULED
from billing.modes import Mode
from billing.money import Money

from .rows import PAGE_ROWS, Events, Row, Rows, Span, offset

_OF: Final = f"{SCHEDULED} AND m.currency = %(currency)s"
_TOTALS: Final = f"SELECT count(DISTINCT s.stripe_id), coalesce(sum(m.monthly), 0) {_OF}"
_ROWS: Final = f"""
SELECT s.stripe_id, s.customer, ({EFFECTIVE} AT TIME ZONE %(zone)s)::date AS day, sum(m.monthly) {_OF}
GROUP BY 1, 2, 3 ORDER BY 3 NULLS LAST, 4 DESC, 1 LIMIT %(limit)s OFFSET %(offset)s
"""
_SPANS: Final = f"""
SELECT m.customer, m.subscription, m.price, m.currency, m.monthly, m.starts, m.ends {_OF}
  AND m.subscription = ANY(%(subscriptions)s) ORDER BY m.subscription, m.item
"""


def leaving(workspace_id: int, mode: Mode, currency: str, now: datetime, zone: ZoneInfo, page: int = 1) -> Rows:
    """The subscriptions that are to end, the next first. Four queries. Must run in scope."""
    second = int(now.timestamp())
    params: dict[str, Any] = {
        "ws": workspace_id,
        "mode": str(mode),
        "currency": currency,
        "at": second,
        "zone": zone.key,
        "limit": PAGE_ROWS,
        "offset": offset(page),
    }
    ((number, amount),) = fetch(_TOTALS, params)
    shown = fetch(_ROWS, params)
    spans = [Span(*row) for row in fetch(_SPANS, {**params, "subscriptions": [row[0] for row in shown]})]
    events = Events(workspace_id, mode)
    events.load({(span.subscription, second) for span in spans})
    return Rows(
        [
            Row(
                customer,
                day,
                Money(whole, currency),
                1,
                tuple(events.part(span, second, 1) for span in spans if span.subscription == subscription),
            )
            for subscription, customer, day, whole in shown
        ],
        number=number,
        amount=Money(amount, currency),
        count=number,
        page=page,
    )
