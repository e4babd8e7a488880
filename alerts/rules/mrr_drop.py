"""MRR drops: against the beginning of the workspace's day, or against so many hours ago.

Both sides of the comparison are MRR spans (billing_mrrspan) at two instants, converted at one and the same rate where
there are several currencies: what rates do is never a drop. It is the rate of the day before (UTC), because the bank
publishes a day's in its afternoon: so what is judged at an instant and what a preview says of it later are the same,
unless rates are imported more than some hours late.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms

from alerts.machine import Decision, Reading
from alerts.models import Outcome, RuleKind
from billing.actions.bulk import fetch
from billing.rates import MissingRate, Rates, convert, rates_between

from .base import Params, ParamsForm, Place, Threshold, Words
from .days import midnights
from .fields import CurrencyField, DecimalText, WholeField, check_digits, minor
from .writing import amount, lasting, page, percent, span

PERCENT: Final = "percent"
AMOUNT: Final = "amount"
DAY: Final = timedelta(days=1)
LONGEST_HOURS: Final = 7 * 24
_FLOOR: Final = Context(prec=60, rounding=ROUND_FLOOR)
"""A quotient that is rounded down is more than a threshold only if the exact one is."""

# The steps of MRR by currency; what stood at the beginning is a step there.
_STEPS: Final = """
SELECT currency, at, sum(amount) FROM (
    SELECT currency, greatest(starts, %(since)s) AS at, monthly AS amount FROM billing_mrrspan
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND ends > %(since)s AND starts <= %(until)s AND NOT trial
    UNION ALL
    SELECT currency, ends, -monthly FROM billing_mrrspan
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND ends > %(since)s AND ends <= %(until)s AND NOT trial
) steps GROUP BY currency, at ORDER BY currency, at
"""


class Form(ParamsForm):
    measure = forms.ChoiceField(label="Drop in", choices=[(PERCENT, "percent"), (AMOUNT, "an amount")], initial=PERCENT)
    threshold = DecimalText(
        label="More than",
        min_value=Decimal(0),
        max_digits=14,
        decimal_places=3,
        help_text="Percent of MRR at the beginning, or an amount a month.",
    )
    hours = WholeField(
        label="Compared with (hours ago)",
        required=False,
        min_value=1,
        max_value=LONGEST_HOURS,
        help_text="Empty: with the beginning of the day in the workspace’s time zone.",
    )
    currency = CurrencyField(
        required=False, help_text="Empty: all currencies in the reporting currency, at one constant rate."
    )
    minimum = DecimalText(
        label="Not below an MRR of",
        required=False,
        min_value=Decimal(0),
        max_digits=14,
        decimal_places=3,
        help_text="For percent: with less MRR at the beginning, a single customer would be a drop.",
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("measure") == PERCENT and "threshold" in given and Decimal(given["threshold"]) >= 100:
            self.add_error("threshold", "MRR cannot drop by more than 100 percent.")
        if given.get("measure") == PERCENT and "minimum" in given and not Decimal(given["minimum"] or 0):
            self.add_error("minimum", "Percentages need a base: say how much MRR there has to be.")
        if given.get("currency"):
            for name in ("minimum",) if given.get("measure") == PERCENT else ("threshold", "minimum"):
                check_digits(self, name, given["currency"])
        return given


@dataclass(frozen=True)
class Steps:
    """MRR of one currency over time: `amounts[i]`, in minor units, holds from `moments[i]` (unix seconds) on."""

    moments: Sequence[int]
    amounts: Sequence[Decimal]

    def at(self, second: int) -> Decimal:
        place = bisect_right(self.moments, second)
        return self.amounts[place - 1] if place else Decimal(0)


@dataclass(frozen=True)
class DropJudge:
    """MRR against what it was. `steps` are by their own currencies.

    `currency` is that of the amounts; "" = the one with the largest MRR at the beginning of each comparison.
    """

    steps: Mapping[str, Steps]
    rates: Rates
    currency: str
    params: Params
    zone: ZoneInfo
    connected_at: datetime | None
    held_back: str

    @property
    def window(self) -> timedelta | None:
        hours = self.params["hours"]
        return timedelta(hours=hours) if hours else None

    def instants(self, after: datetime, until: datetime) -> Sequence[datetime]:
        steps = {datetime.fromtimestamp(second, UTC) for steps in self.steps.values() for second in steps.moments}
        if self.window is not None:
            moments = steps | {moment + self.window for moment in steps}
        else:
            moments = steps | set(midnights(after, until, self.zone))
        return sorted(moment for moment in moments if after < moment <= until)

    def reading(self, at: datetime) -> Reading:
        begins, epoch = self._beginning(at)
        measure, limit = self.params["measure"], Decimal(self.params["threshold"])
        currency = self.currency or _largest(self.steps, begins)
        if not currency:  # there is no MRR at all
            return Reading(None, limit, epoch=epoch)
        if measure == AMOUNT:
            limit = Decimal(minor(self.params["threshold"], currency))
        try:
            base, now = self._sum(begins, at, currency), self._sum(at, at, currency)
        except MissingRate as missing:
            return Reading(None, limit, why_not=str(missing), epoch=epoch)
        dropped = base - now
        value: Decimal | None = dropped
        if measure == PERCENT:
            value = _FLOOR.divide(dropped * 100, base) if base > 0 else None
        facts = {"base": f"{base:f}", "now": f"{now:f}", "currency": currency, "begins": begins.isoformat()}
        return Reading(value, limit, self._why_not(begins, base, currency), epoch, facts=facts)

    def wakes(self, now: datetime) -> datetime | None:
        ahead = self.instants(now, now + (self.window or DAY) + DAY)
        return ahead[0] if ahead else None

    def _beginning(self, at: datetime) -> tuple[datetime, str]:
        if self.window is not None:
            return at - self.window, ""
        day = at.astimezone(self.zone).date()
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC), day.isoformat()

    def _why_not(self, begins: datetime, base: Decimal, currency: str) -> str:
        if self.held_back:
            return self.held_back
        if self.connected_at is None or begins < self.connected_at:
            return "Too little data: Stripe was connected after the beginning of this comparison."
        least = self.params["minimum"]
        if self.params["measure"] == PERCENT and least and base < minor(least, currency):
            return f"Below the minimum: MRR was less than {amount(minor(least, currency), currency)}."
        return ""

    def _sum(self, second: datetime, rates_of: datetime, currency: str) -> Decimal:
        """MRR at an instant, at the rates of the day before another one. Raises `MissingRate`."""
        day, whole = (rates_of.astimezone(UTC) - DAY).date(), Decimal(0)
        for own, steps in self.steps.items():
            standing = steps.at(int(second.timestamp()))
            if standing:
                whole += convert(standing, own, currency, self.rates.rate(own, currency, day))
        return whole


class MrrDrop(Threshold):
    kind = RuleKind.MRR_DROP
    form = Form
    about = "MRR falls by a percentage or an amount, within a day or some hours. Exchange rates never make it fall."

    def judges(self, place: Place, params: Sequence[Params], after: datetime, until: datetime) -> Sequence[DropJudge]:
        """Two queries at most, whatever the number of rules."""
        longest = max(timedelta(hours=one["hours"]) if one["hours"] else DAY + timedelta(hours=2) for one in params)
        since = after - longest
        steps = _steps(place, since, until + DAY)
        currencies = {*steps, *filter(None, [place.reporting])}
        several = len(currencies) > 1 and not all(one["currency"] for one in params)
        rates = rates_between(currencies, (since - DAY).date(), until.date()) if several else Rates({})
        return [
            DropJudge(
                steps={c: s for c, s in steps.items() if not one["currency"] or c == one["currency"]},
                rates=rates,
                currency=str(one["currency"] or place.reporting or ""),
                params=one,
                zone=place.zone,
                connected_at=place.connected_at,
                held_back=place.held_back,
            )
            for one in params
        ]

    def summary(self, params: Params) -> str:
        much = f"{params['threshold']} %" if params["measure"] == PERCENT else params["threshold"]
        if params["measure"] == AMOUNT and params["currency"]:
            much = amount(minor(params["threshold"], params["currency"]), params["currency"])
        elif params["measure"] == AMOUNT:
            much = f"{much} in the currency with the largest MRR"
        elif params["currency"]:
            much = f"{much} in {params['currency'].upper()}"
        within = f"within {span(params['hours'] * 60)}" if params["hours"] else "since the day began"
        return f"MRR down by more than {much} {within}"

    def words(self, place: Place, params: Params, reading: Reading, decision: Decision) -> Words:
        facts, link = reading.facts, page(place, "billing:dashboard", "Open the dashboard")
        if not facts:  # there is nothing to compare any more
            return Words(f"Compared anew: {self.summary(params)}", link=link)
        within = f"within {span(params['hours'] * 60)}" if params["hours"] else "since the day began"
        currency = facts["currency"]
        now, base = Decimal(facts["now"]), Decimal(facts["base"])
        change = ("Change", amount(now - base, currency))
        fields = (("MRR now", amount(now, currency)), ("At the beginning", amount(base, currency)), change)
        if decision.outcome == Outcome.RECOVERED:
            lines = () if decision.since is None else (f"It was down for {lasting(decision.at - decision.since)}.",)
            limit = _limit(reading, params, currency)
            return Words(f"Recovered: MRR is no longer down by more than {limit} {within}", lines, fields, link)
        value = reading.value or Decimal(0)
        down = percent(value) if params["measure"] == PERCENT else amount(value, currency)
        return Words(f"MRR is down {down} {within}", (f"More than {_limit(reading, params, currency)}.",), fields, link)


def _limit(reading: Reading, params: Params, currency: str) -> str:
    return percent(reading.threshold) if params["measure"] == PERCENT else amount(reading.threshold, currency)


def _steps(place: Place, since: datetime, until: datetime) -> dict[str, Steps]:
    rows = fetch(
        _STEPS,
        {
            "ws": place.workspace_id,
            "mode": str(place.mode),
            "since": int(since.timestamp()),
            "until": int(until.timestamp()),
        },
    )
    found: dict[str, tuple[list[int], list[Decimal]]] = {}
    for currency, at, step in rows:
        moments, amounts = found.setdefault(currency, ([], []))
        moments.append(at)
        amounts.append((amounts[-1] if amounts else Decimal(0)) + step)
    return {currency: Steps(*both) for currency, both in found.items()}


def _largest(steps: Mapping[str, Steps], at: datetime) -> str:
    """The currency with the largest MRR at an instant; "" where there is none."""
    second = int(at.timestamp())
    return min(steps, key=lambda currency: (-steps[currency].at(second), currency), default="")
