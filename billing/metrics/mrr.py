"""MRR, trial MRR, active subscribers and plan distribution at an instant (docs/metrics.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from billing.actions.bulk import fetch
from billing.modes import Mode
from billing.money import Money
from billing.names import plan_names

_SUMS: Final = """
SELECT GROUPING(currency), currency, price,
       coalesce(sum(monthly) FILTER (WHERE NOT trial), 0), coalesce(sum(monthly) FILTER (WHERE trial), 0),
       count(DISTINCT customer) FILTER (WHERE NOT trial)
FROM billing_mrrspan
WHERE workspace_id = %(ws)s AND mode = %(mode)s AND ends > %(at)s AND starts <= %(at)s
GROUP BY GROUPING SETS ((currency, price), (currency), ())
"""


@dataclass(frozen=True)
class PlanLine:
    """One price's part: `share` in percent of the currency's MRR, 0–100."""

    price: str
    name: str
    interval_label: str
    mrr: Money
    active_subscribers: int
    share: Decimal


@dataclass(frozen=True)
class CurrencyLine:
    """The numbers of one currency; currencies are never added up."""

    currency: str
    mrr: Money
    trial_mrr: Money
    active_subscribers: int
    plans: tuple[PlanLine, ...]


@dataclass(frozen=True)
class Recurring:
    """MRR at `at`. `active_subscribers` counts a customer with two currencies once."""

    at: datetime
    currencies: tuple[CurrencyLine, ...]
    active_subscribers: int


def mrr_at(workspace_id: int, mode: Mode, at: datetime) -> Recurring:
    """MRR and what belongs to it at an instant, the largest currency's first. Three queries. Must run in scope.

    Args:
        at: aware. What lies after it is not counted, scheduled ends before it are.
    """
    rows = fetch(_SUMS, {"ws": workspace_id, "mode": str(mode), "at": int(at.timestamp())})
    totals = {row[1]: row for row in rows if row[0] == 0 and row[2] is None}
    everyone = next((row[5] for row in rows if row[0] != 0), 0)
    plans = [row for row in rows if row[2] is not None and row[3] > 0]
    named = plan_names(workspace_id, mode, [row[2] for row in plans])
    lines = []
    for currency, (_, _, _, paid, trial, customers) in totals.items():
        mine = sorted((row for row in plans if row[1] == currency), key=lambda row: (-row[3], row[2]))
        lines.append(
            CurrencyLine(
                currency=currency,
                mrr=Money(paid, currency),
                trial_mrr=Money(trial, currency),
                active_subscribers=customers,
                plans=tuple(
                    PlanLine(
                        price,
                        named[price].name,
                        named[price].interval_label,
                        Money(amount, currency),
                        count,
                        100 * amount / paid,
                    )
                    for _, _, price, amount, _, count in mine
                ),
            )
        )
    lines.sort(key=lambda line: (-line.mrr.amount, line.currency))
    return Recurring(at, tuple(lines), everyone)


def day_end(day: date, zone: ZoneInfo) -> int:
    """The first unix second after a day in a time zone."""
    following = day + timedelta(days=1)
    return int(datetime(following.year, following.month, following.day, tzinfo=zone).timestamp())
