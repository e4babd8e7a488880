"""What became of money that could not be collected at first: recovered, lost, or at risk still.

Each invoice counts once, with the amount of its first failed attempt and in the month of that attempt. A payment that
is for no invoice counts like one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from billing.actions.bulk import fetch
from billing.modes import Mode
from billing.money import Money, total

from .mrr import day_end
from .periods import Period

REMEMBERED_DAYS: Final = 90
"""How long after its first failed attempt a payment counts as recovered on the day it comes in."""
RECOVERED, LOST, AT_RISK = "recovered", "lost", "at_risk"

FAILED: Final = """
FROM billing_failure f
LEFT JOIN billing_invoice i ON i.workspace_id = f.workspace_id AND i.mode = f.mode AND i.stripe_id = f.invoice
LEFT JOIN billing_payment p ON p.workspace_id = f.workspace_id AND p.mode = f.mode AND p.stripe_id = f.subject
     AND f.invoice IS NULL
LEFT JOIN billing_subscription s
     ON s.workspace_id = f.workspace_id AND s.mode = f.mode AND s.stripe_id = i.subscription
WHERE f.workspace_id = %(ws)s AND f.mode = %(mode)s AND f.attempt = 1
  AND f.happened_at >= to_timestamp(%(since)s) AND f.happened_at < to_timestamp(%(until)s)
"""
"""First failures (f) of a period, with their invoice (i) and its subscription (s), or payment (p)."""

# Stripe leaves the invoice open when it ends a subscription: what nobody collects any more is not at risk but lost.
OUTCOME: Final = """
CASE WHEN i.status = 'paid' OR p.status = 'succeeded' THEN 'recovered'
     WHEN i.status IN ('void', 'uncollectible', 'deleted') OR p.status = 'canceled' THEN 'lost'
     WHEN s.status IN ('canceled', 'incomplete_expired') THEN 'lost'
     ELSE 'at_risk' END
"""
_SUMS: Final = f"""
SELECT f.currency, date_trunc('month', f.happened_at AT TIME ZONE %(zone)s)::date, {OUTCOME}, sum(f.amount), count(*)
{FAILED} GROUP BY 1, 2, 3 ORDER BY 1, 2
"""

# What came back in a period, whenever it had failed: an invoice by its payment, else the payment by its success.
_BACK: Final = f"""
SELECT f.currency, sum(f.amount), count(*)
FROM billing_failure f
LEFT JOIN billing_invoice i ON i.workspace_id = f.workspace_id AND i.mode = f.mode AND i.stripe_id = f.invoice
CROSS JOIN LATERAL (
    SELECT CASE WHEN f.invoice IS NOT NULL THEN CASE WHEN i.status = 'paid' THEN i.paid_at END ELSE (
        SELECT max(h.happened_at) FROM billing_historyentry h
        WHERE h.workspace_id = f.workspace_id AND h.mode = f.mode AND h.object_kind = 'payment'
          AND h.object_id = f.subject AND h.kind = 'payment.succeeded'
    ) END AS at
) back
WHERE f.workspace_id = %(ws)s AND f.mode = %(mode)s AND f.attempt = 1
  AND f.happened_at >= to_timestamp(%(since)s) - interval '{REMEMBERED_DAYS} days'
  AND f.happened_at < to_timestamp(%(until)s)
  AND back.at >= to_timestamp(%(since)s) AND back.at < to_timestamp(%(until)s)
GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - a number of our own


@dataclass(frozen=True)
class Recovery:
    """What failed in a period (or a `month` of it), in one currency, and what became of it by now."""

    currency: str
    recovered: Money
    lost: Money
    at_risk: Money
    invoices: int
    month: date | None = None

    @property
    def failed(self) -> Money:
        return total([self.recovered, self.lost, self.at_risk], self.currency)

    @property
    def rate(self) -> Fraction | None:
        """Recovered ÷ failed, what is open still in the denominator; None where nothing failed."""
        return Fraction(Decimal(self.recovered.minor)) / Fraction(Decimal(self.failed.minor)) if self.failed else None


def recovery_by_month(workspace_id: int, mode: Mode, period: Period, zone: ZoneInfo) -> dict[str, list[Recovery]]:
    """What failed in each month of a period, by currency. One query, over that period's failures. Must run in scope."""
    found: dict[tuple[str, date], dict[str, tuple[int, int]]] = {}
    for currency, month, outcome, amount, number in fetch(_SUMS, within(workspace_id, mode, period, zone)):
        found.setdefault((currency, month), {})[outcome] = int(amount), number
    by_currency: dict[str, list[Recovery]] = {}
    for (currency, month), outcomes in found.items():
        back, lost, open_ = (Money(outcomes.get(name, (0, 0))[0], currency) for name in (RECOVERED, LOST, AT_RISK))
        invoices = sum(number for _, number in outcomes.values())
        by_currency.setdefault(currency, []).append(Recovery(currency, back, lost, open_, invoices, month))
    return by_currency


def recovery(months: list[Recovery], currency: str) -> Recovery:
    """Several months as one."""
    return Recovery(
        currency,
        total([month.recovered for month in months], currency),
        total([month.lost for month in months], currency),
        total([month.at_risk for month in months], currency),
        sum(month.invoices for month in months),
    )


def came_back(workspace_id: int, mode: Mode, period: Period, zone: ZoneInfo) -> list[tuple[Money, int]]:
    """What was paid in a period after it had failed, by currency: the amount and how many invoices (or payments).

    Unlike `Recovery.recovered` it counts in the period of the payment, not in that of the failure. One query, over the
    failures of the period and of the 90 days before. Must run in scope.
    """
    rows = fetch(_BACK, within(workspace_id, mode, period, zone))
    return [(Money(int(amount), currency), number) for currency, amount, number in rows]


def within(workspace_id: int, mode: Mode, period: Period, zone: ZoneInfo) -> dict[str, Any]:
    """The parameters of `FAILED`."""
    since, until = day_end(period.eve, zone), day_end(period.last, zone)
    return {"ws": workspace_id, "mode": str(mode), "since": since, "until": until, "zone": zone.key}
