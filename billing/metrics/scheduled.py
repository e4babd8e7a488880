"""Scheduled churn: MRR that will leave when cancellations that are asked for take effect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from billing.actions.bulk import fetch
from billing.modes import Mode
from billing.money import Money, total

SCHEDULED: Final = """
FROM billing_subscription s
JOIN billing_mrrspan m ON m.workspace_id = s.workspace_id AND m.mode = s.mode AND m.subscription = s.stripe_id
WHERE s.workspace_id = %(ws)s AND s.mode = %(mode)s AND s.status IN ('active', 'past_due')
  AND (s.cancel_at_period_end OR s.cancel_at IS NOT NULL)
  AND NOT m.trial AND m.starts <= %(at)s AND m.ends > %(at)s
"""
"""The spans of subscriptions (s, m) that are to end, as of `at` (unix seconds)."""

EFFECTIVE: Final = "coalesce(s.cancel_at, s.current_period_end)"
_BY_DAY: Final = f"""
SELECT m.currency, ({EFFECTIVE} AT TIME ZONE %(zone)s)::date, sum(m.monthly), count(DISTINCT s.stripe_id) {SCHEDULED}
GROUP BY 1, 2 ORDER BY 1, 2 NULLS LAST
"""


@dataclass(frozen=True)
class Leaving:
    """What leaves on one day (of the workspace's time zone; None = nobody has said when)."""

    day: date | None
    amount: Money
    subscriptions: int


@dataclass(frozen=True)
class ScheduledChurn:
    """All that is scheduled in one currency, by effective day, the next first."""

    currency: str
    days: tuple[Leaving, ...] = ()

    @property
    def amount(self) -> Money:
        return total([day.amount for day in self.days], self.currency)

    @property
    def subscriptions(self) -> int:
        return sum(day.subscriptions for day in self.days)


def scheduled_churn(workspace_id: int, mode: Mode, now: datetime, zone: ZoneInfo) -> dict[str, ScheduledChurn]:
    """What is scheduled to leave, by currency. One query, over scheduled subscriptions alone. Must run in scope."""
    params = {"ws": workspace_id, "mode": str(mode), "at": int(now.timestamp()), "zone": zone.key}
    found: dict[str, list[Leaving]] = {}
    for currency, day, amount, subscriptions in fetch(_BY_DAY, params):
        found.setdefault(currency, []).append(Leaving(day, Money(Decimal(amount), currency), subscriptions))
    return {currency: ScheduledChurn(currency, tuple(days)) for currency, days in found.items()}
