"""Cohort retention: what became of the customers whose MRR was first above zero in the same month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final

from billing.actions.bulk import fetch
from billing.modes import Mode
from billing.money import Money

MONTHS: Final = 12
"""How many cohorts are shown, and how many months after their first."""

# A customer has one `new` movement per currency at most: its month is the cohort, for good.
_COHORTS: Final = """
WITH firsts AS (
    SELECT customer, date_trunc('month', day)::date AS cohort, amount FROM billing_movement
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND currency = %(currency)s AND price = ''
      AND kind = 'new' AND day BETWEEN %(first)s AND %(last)s
)
SELECT f.cohort, date_trunc('month', m.day)::date, sum(m.amount), sum(m.subscribers)::bigint,
       count(*) FILTER (WHERE m.kind = 'new'), coalesce(sum(m.amount) FILTER (WHERE m.kind = 'new'), 0)
FROM firsts f
JOIN billing_movement m ON m.workspace_id = %(ws)s AND m.mode = %(mode)s AND m.customer = f.customer
 AND m.currency = %(currency)s AND m.price = '' AND m.day <= %(last)s
GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Kept:
    """What is left of a cohort at the close of a month (the present one: of today). None: nothing to compare with."""

    month: date
    customers: int
    mrr: Money
    of_customers: Fraction | None
    of_mrr: Fraction | None


@dataclass(frozen=True)
class Cohort:
    """Customers who began in `month`, the MRR that they began with, and what is left, month by month."""

    month: date
    customers: int
    mrr: Money
    kept: tuple[Kept, ...]


def cohorts(workspace_id: int, mode: Mode, currency: str, today: date, count: int = MONTHS) -> tuple[Cohort, ...]:
    """The cohorts of the last `count` months, the newest last. One query, over the movements of their customers.

    A customer who returns stays in the first cohort. Must run in scope.

    Args:
        today: of the workspace's time zone; nothing after it counts.
    """
    months = [month_before(today.replace(day=1), ago) for ago in range(count - 1, -1, -1)]
    params = {"ws": workspace_id, "mode": str(mode), "currency": currency, "first": months[0], "last": today}
    moves: dict[date, dict[date, tuple[Money, int]]] = {}
    begun: dict[date, tuple[int, Money]] = {}
    for cohort, month, amount, people, new, base in fetch(_COHORTS, params):
        moves.setdefault(cohort, {})[month] = Money(amount, currency), people
        number, mrr = begun.get(cohort, (0, Money(0, currency)))
        begun[cohort] = number + new, mrr + Money(base, currency)
    return tuple(
        Cohort(month, *begun[month], _kept(month, months, moves[month], *begun[month]))
        for month in months
        if month in begun
    )


def _kept(
    cohort: date, months: list[date], moves: Mapping[date, tuple[Money, int]], number: int, base: Money
) -> tuple[Kept, ...]:
    customers, mrr, kept = 0, Money(0, base.currency), []
    for month in months:
        if month < cohort:
            continue
        amount, people = moves.get(month, (Money(0, base.currency), 0))
        customers, mrr = customers + people, mrr + amount
        of_mrr = Fraction(mrr.minor) / Fraction(base.minor) if base else None
        kept.append(Kept(month, customers, mrr, Fraction(customers, number) if number else None, of_mrr))
    return tuple(kept)


def month_before(month: date, ago: int) -> date:
    """The first day of the month so many months before."""
    index = month.year * 12 + month.month - 1 - ago
    return date(index // 12, index % 12 + 1, 1)
