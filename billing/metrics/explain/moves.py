"""The customers behind what happened in a period: movements of each kind, and whom they made come or go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from billing.actions.bulk import fetch
from billing.metrics.mrr import day_end
from billing.metrics.periods import Period
from billing.modes import Mode
from billing.money import Money
from billing.movements import day_of

from .rows import PAGE_ROWS, Events, Part, Row, Rows, Span, offset

_IN: Final = """
FROM billing_movement
WHERE workspace_id = %(ws)s AND mode = %(mode)s AND currency = %(currency)s AND price = ''
  AND day BETWEEN %(first)s AND %(last)s AND kind = ANY(%(kinds)s)
"""
_ROWS: Final = f"""
SELECT customer, day, amount {_IN} ORDER BY day DESC, abs(amount) DESC, customer LIMIT %(limit)s OFFSET %(offset)s
"""
_TOTALS: Final = f"SELECT count(*), coalesce(sum(amount), 0) {_IN}"
_SPANS: Final = """
SELECT customer, subscription, price, currency, monthly, starts, ends FROM billing_mrrspan
WHERE workspace_id = %(ws)s AND mode = %(mode)s AND customer = ANY(%(customers)s) AND NOT trial
  AND (%(currency)s = '' OR currency = %(currency)s)
  AND (starts BETWEEN %(since)s AND %(until)s OR ends BETWEEN %(since)s AND %(until)s)
ORDER BY subscription, item, starts
"""


def moved(
    workspace_id: int,
    mode: Mode,
    currency: str,
    kinds: Sequence[str],
    period: Period,
    zone: ZoneInfo,
    page: int = 1,
) -> Rows:
    """The movements of some kinds in a period, the newest first. Four queries. Must run in scope.

    Args:
        currency: "" for people over all currencies; rows then have no amount.
    """
    params: dict[str, Any] = {
        "ws": workspace_id,
        "mode": str(mode),
        "currency": currency,
        "kinds": [str(kind) for kind in kinds],
        "first": period.first,
        "last": period.last,
        "limit": PAGE_ROWS,
        "offset": offset(page),
    }
    ((number, amount),) = fetch(_TOTALS, params)
    shown = fetch(_ROWS, params)
    parts = _parts(workspace_id, mode, params, [(customer, day) for customer, day, _ in shown], zone)
    return Rows(
        [
            Row(customer, day, Money(moved, currency) if currency else None, 1, parts.get((customer, day), ()))
            for customer, day, moved in shown
        ],
        number=number,
        amount=Money(amount, currency) if currency else None,
        count=number,
        page=page,
    )


def _parts(
    workspace_id: int, mode: Mode, params: dict[str, Any], shown: Sequence[tuple[str, date]], zone: ZoneInfo
) -> dict[tuple[str, date], tuple[Part, ...]]:
    """What began and ended of each customer's items on each of the days: these sum to the movement."""
    if not shown:
        return {}
    days = [day for _, day in shown]
    within = {
        **params,
        "customers": sorted({customer for customer, _ in shown}),
        "since": day_end(Period(min(days), max(days)).eve, zone),
        "until": day_end(max(days), zone) - 1,
    }
    wanted = set(shown)
    steps: list[tuple[Span, int, int]] = []
    for row in fetch(_SPANS, within):
        span = Span(*row)
        for second, sign in ((span.ends, -1), (span.starts, 1)):
            if within["since"] <= second <= within["until"] and (span.customer, day_of(second, zone)) in wanted:
                steps.append((span, second, sign))
    events = Events(workspace_id, mode)
    events.load({(span.subscription, second) for span, second, _ in steps})
    found: dict[tuple[str, date], list[Part]] = {}
    for span, second, sign in sorted(steps, key=lambda step: (step[1], step[0].subscription, step[2])):
        found.setdefault((span.customer, day_of(second, zone)), []).append(events.part(span, second, sign))
    return {key: tuple(parts) for key, parts in found.items()}
