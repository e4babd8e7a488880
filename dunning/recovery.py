"""What dunning brought in: of the invoices that had a case, by the month of their first failed attempt.

`billing.metrics.recovery` counts every invoice that ever failed; this counts cases, with what was done about each. The
difference is told in docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from billing.actions.bulk import fetch
from billing.declines import DECLINES
from billing.modes import Mode
from billing.money import Money

from .schedule import StepKind

MONTHS: Final = 12
_STEPS: Final = {
    "": "Before any letter",
    str(StepKind.AT_ONCE): "After the letter at once",
    str(StepKind.FIRST): "After the first reminder",
    str(StepKind.SECOND): "After the second reminder",
    str(StepKind.FINAL): "After the final warning",
    str(StepKind.DOWNGRADE): "After access fell",
}
_DECLINES: Final = {"": "Reason not told", **dict(DECLINES)}

_SUMS: Final = """
SELECT currency, grouping(month), grouping(step), month, step, decline,
    count(*) FILTER (WHERE outcome = 'recovered'), coalesce(sum(amount) FILTER (WHERE outcome = 'recovered'), 0),
    count(*) FILTER (WHERE outcome = 'lost'), coalesce(sum(amount) FILTER (WHERE outcome = 'lost'), 0),
    count(*) FILTER (WHERE outcome = 'open'), coalesce(sum(amount) FILTER (WHERE outcome = 'open'), 0),
    count(*) FILTER (WHERE outcome = 'aside'),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE outcome = 'recovered'),
    count(DISTINCT customer) FILTER (WHERE involuntary), coalesce(sum(amount) FILTER (WHERE involuntary), 0)
FROM (
    SELECT currency, customer, amount, last_letter AS step, coalesce(decline, '') AS decline,
        date_trunc('month', opened_at AT TIME ZONE %(zone)s)::date AS month,
        CASE WHEN closed_at IS NULL THEN 'open' WHEN state = 'recovered' THEN 'recovered'
             WHEN state IN ('lost', 'canceled') THEN 'lost' ELSE 'aside' END AS outcome,
        extract(epoch FROM closed_at - opened_at)::double precision AS seconds,
        state = 'lost' AND subscription IS NOT NULL AS involuntary
    FROM dunning_case
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND opened_at >= %(since)s
) c
GROUP BY GROUPING SETS ((currency, month), (currency, step), (currency, decline), (currency))
ORDER BY currency, month DESC NULLS FIRST, step, decline
"""


@dataclass(frozen=True)
class Outcome:
    """What became of some cases, in one currency. `aside`: voided, excluded or resolved, which count for nothing.

    `days` is the median time from the first failed attempt to the payment, in days; None where nothing was recovered.
    `churned` customers lost a subscription because it was not paid; `churned_amount` is what they owed.
    """

    label: str
    recovered: int
    recovered_amount: Money
    lost: int
    lost_amount: Money
    open: int
    open_amount: Money
    aside: int
    days: float | None
    churned: int
    churned_amount: Money
    month: date | None = None

    @property
    def cases(self) -> int:
        """Those that count."""
        return self.recovered + self.lost + self.open

    @property
    def rate(self) -> Fraction | None:
        """Recovered ÷ all that count, by amount: what is open still is in the denominator."""
        whole = self.recovered_amount + self.lost_amount + self.open_amount
        return Fraction(int(self.recovered_amount.minor), int(whole.minor)) if whole else None


@dataclass(frozen=True)
class Recovered:
    """The outcomes of one currency: all together, by month (the newest first), by the last step, by decline class."""

    currency: str
    total: Outcome
    months: tuple[Outcome, ...]
    steps: tuple[Outcome, ...]
    declines: tuple[Outcome, ...]


def recovered(workspace_id: int, mode: Mode, zone: ZoneInfo, now: datetime) -> list[Recovered]:
    """What dunning brought in of the last twelve months' failures, by currency. One query, in scope."""
    given = {"ws": workspace_id, "mode": str(mode), "zone": zone.key, "since": first_month(zone, now)}
    by_currency: dict[str, dict[str, list[Outcome]]] = {}
    for currency, no_month, no_step, month, step, decline, *figures in fetch(_SUMS, given):
        parts = by_currency.setdefault(currency, {"total": [], "months": [], "steps": [], "declines": []})
        if not no_month:
            parts["months"].append(_outcome(f"{month:%B %Y}", currency, figures, month))
        elif not no_step:
            parts["steps"].append(_outcome(_STEPS.get(step, step), currency, figures))
        elif decline is not None:
            parts["declines"].append(_outcome(_DECLINES.get(decline, decline), currency, figures))
        else:
            parts["total"].append(_outcome("All", currency, figures))
    return [
        Recovered(
            currency,
            parts["total"][0],
            tuple(parts["months"]),
            _in_order(parts["steps"], _STEPS.values()),
            _in_order(parts["declines"], _DECLINES.values()),
        )
        for currency, parts in sorted(by_currency.items())
    ]


def first_month(zone: ZoneInfo, now: datetime) -> datetime:
    """The beginning of the month eleven months before this one, in a time zone."""
    local = now.astimezone(zone)
    months = local.year * 12 + local.month - 1 - (MONTHS - 1)
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=zone)


def _outcome(label: str, currency: str, figures: list[Any], month: date | None = None) -> Outcome:
    back, back_sum, lost, lost_sum, open_, open_sum, aside, seconds, churned, churned_sum = figures
    return Outcome(
        label=label,
        recovered=back,
        recovered_amount=Money(int(back_sum), currency),
        lost=lost,
        lost_amount=Money(int(lost_sum), currency),
        open=open_,
        open_amount=Money(int(open_sum), currency),
        aside=aside,
        days=None if seconds is None else seconds / 86_400,
        churned=churned,
        churned_amount=Money(int(churned_sum), currency),
        month=month,
    )


def _in_order(found: Iterable[Outcome], labels: Iterable[str]) -> tuple[Outcome, ...]:
    places = {label: place for place, label in enumerate(labels)}
    return tuple(sorted(found, key=lambda outcome: places.get(outcome.label, len(places))))
