"""Churn is high: subscriber churn of the last 30 days, judged once a day when a day of the workspace is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from alerts.machine import Decision, Reading
from alerts.models import Outcome, RuleKind
from billing.metrics.churn import churn_of_30_days
from billing.metrics.ledger import Ledger, ledger
from billing.metrics.periods import TILE_DAYS, Period, last_days

from .base import Params, ParamsForm, Place, Threshold, Words
from .days import midnights
from .fields import DecimalText, WholeField
from .writing import page, percent

_FLOOR: Final = Context(prec=60, rounding=ROUND_FLOOR)
_DAY: Final = timedelta(days=1)


class Form(ParamsForm):
    threshold = DecimalText(
        label="More than (percent)",
        min_value=Decimal(0),
        max_value=Decimal(100),
        max_digits=6,
        decimal_places=3,
        help_text="Of subscribers, lost within 30 days.",
    )
    minimum = WholeField(
        label="Not with fewer subscribers than",
        min_value=1,
        max_value=1_000_000_000,
        help_text="With fewer, a single customer would be a wave.",
    )


@dataclass(frozen=True)
class ChurnJudge:
    """Churn at the close of each day. `ledger` None: no day was over since the last time.

    What lies before the first of those closes was judged before, or is not the rule's affair: there is no value.
    """

    ledger: Ledger | None
    threshold: Decimal
    minimum: int
    zone: ZoneInfo
    held_back: str

    def instants(self, after: datetime, until: datetime) -> Sequence[datetime]:
        return midnights(after, until, self.zone)

    def reading(self, at: datetime) -> Reading:
        days = last_days(at.astimezone(self.zone).date() - _DAY, TILE_DAYS)
        if self.ledger is None or days.first < self.ledger.period.first:
            return Reading(None, self.threshold)
        lost = churn_of_30_days(self.ledger.within(days).people)
        whole = lost.active_at_start + lost.came
        value = _FLOOR.divide(Decimal(100 * lost.churned), Decimal(whole)) if whole > 0 else None
        why_not = self.held_back
        if not why_not and whole < self.minimum:
            why_not = f"Too little data: {whole} subscribers are fewer than {self.minimum}."
        facts = {"churned": str(lost.churned), "subscribers": str(whole), "involuntary": str(lost.involuntary)}
        return Reading(value, self.threshold, why_not, facts=facts)

    def wakes(self, now: datetime) -> datetime | None:
        return midnights(now, now + 2 * _DAY, self.zone)[0]


class ChurnRate(Threshold):
    kind = RuleKind.CHURN_RATE
    form = Form
    about = "Subscriber churn of the last 30 days, judged when a day is over."
    holds = timedelta(hours=25)  # the longest day

    def judges(self, place: Place, params: Sequence[Params], after: datetime, until: datetime) -> Sequence[ChurnJudge]:
        """Two queries, and none while no day is over."""
        days = midnights(after, until, place.zone)
        read = None
        if days:
            first, last = (day.astimezone(place.zone).date() - _DAY for day in (days[0], days[-1]))
            read = ledger(place.workspace_id, place.mode, Period(first - timedelta(days=TILE_DAYS - 1), last))
        return [
            ChurnJudge(read, Decimal(one["threshold"]), int(one["minimum"]), place.zone, place.held_back)
            for one in params
        ]

    def summary(self, params: Params) -> str:
        return f"More than {params['threshold']} % of subscribers lost within 30 days"

    def words(self, place: Place, params: Params, reading: Reading, decision: Decision) -> Words:
        facts, link = reading.facts, page(place, "billing:dashboard", "Open the dashboard")
        value, limit = percent(reading.value or Decimal(0)), percent(reading.threshold)
        fields = (
            ("Lost", facts["churned"]),
            ("Of them after failed payments", facts["involuntary"]),
            ("Subscribers there were", facts["subscribers"]),
        )
        if decision.outcome == Outcome.RECOVERED:
            return Words(f"Recovered: churn is {value}, no longer more than {limit}", (), fields, link)
        return Words(f"Churn is {value} within 30 days", (f"More than {limit}.",), fields, link)
