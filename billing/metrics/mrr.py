"""MRR, trial MRR, active subscribers and plan distribution at an instant (docs/metrics.md)."""

from __future__ import annotations

from collections.abc import Sequence
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
# Every span adds at its start and takes away at its end; what lies before the first day is the balance to start from.
_MOVES: Final = """
SELECT currency, greatest(width_bucket(at, %(bounds)s::bigint[]), 0) AS day, sum(amount)
FROM (
    SELECT currency, starts AS at, monthly AS amount FROM billing_mrrspan
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND NOT trial AND starts < %(until)s
    UNION ALL
    SELECT currency, ends, -monthly FROM billing_mrrspan
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND NOT trial AND ends < %(until)s
) moves
GROUP BY 1, 2
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


def mrr_by_day(
    workspace_id: int, mode: Mode, last: date, days: int, zone: ZoneInfo, now: datetime
) -> dict[str, list[tuple[date, Decimal]]]:
    """MRR at the end of each of `days` days up to `last`, per currency, in major units. One query. Must run in scope.

    Days end at midnight of `zone`; a day that is not over yet is shown as of `now`.
    """
    every = [last - timedelta(days=days - 1 - i) for i in range(days)]
    ends = [min(day_end(day, zone), int(now.timestamp()) + 1) for day in every]
    # width_bucket wants ascending bounds; bucket i holds what moved before ends[i] and not before ends[i - 1].
    params = {"ws": workspace_id, "mode": str(mode), "bounds": ends, "until": ends[-1]}
    moves: dict[str, dict[int, Decimal]] = {}
    for currency, bucket, amount in fetch(_MOVES, params):
        moves.setdefault(currency, {})[bucket] = amount
    return {currency: _balances(currency, every, by_day) for currency, by_day in moves.items()}


def _balances(currency: str, days: Sequence[date], moves: dict[int, Decimal]) -> list[tuple[date, Decimal]]:
    balance = Decimal(0)
    series = []
    for index, day in enumerate(days):
        balance += moves.get(index, Decimal(0))
        series.append((day, Money(balance, currency).rounded().amount))
    return series


def day_end(day: date, zone: ZoneInfo) -> int:
    """The first unix second after a day in a time zone."""
    following = day + timedelta(days=1)
    return int(datetime(following.year, following.month, following.day, tzinfo=zone).timestamp())
