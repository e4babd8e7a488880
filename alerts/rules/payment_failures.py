"""Many payments fail: more than so many, or so much, within a time. Counted when they happened, not when they came."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import accumulate
from typing import Any, Final, NamedTuple

from django import forms

from alerts.machine import Decision, Reading
from alerts.models import Outcome, RuleKind
from billing.models import Failure

from .base import Params, ParamsForm, Place, Threshold, Words
from .fields import CurrencyField, DecimalText, WholeField, check_digits, minor
from .writing import amount, lasting, page, payments, span

COUNT: Final = "count"
AMOUNT: Final = "amount"
LONGEST_MINUTES: Final = 7 * 1440


class Form(ParamsForm):
    measure = forms.ChoiceField(
        label="Count", choices=[(COUNT, "how many failed"), (AMOUNT, "what they come to")], initial=COUNT
    )
    threshold = DecimalText(
        label="More than",
        min_value=Decimal(0),
        max_digits=14,
        decimal_places=3,
        help_text="Payments, or an amount in the currency below.",
    )
    currency = CurrencyField(required=False, help_text="For an amount: only failures in this currency count.")
    minutes = WholeField(
        label="Within (minutes)", min_value=1, max_value=LONGEST_MINUTES, help_text="60 is an hour, 1440 a day."
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("measure") == AMOUNT and "currency" in given and not given["currency"]:
            self.add_error("currency", "Say in which currency: amounts of several are never added up.")
        elif given.get("measure") == AMOUNT and {"threshold", "currency"} <= set(given):
            check_digits(self, "threshold", given["currency"])
        if given.get("measure") == COUNT and "threshold" in given:
            if Decimal(given["threshold"]) % 1:
                self.add_error("threshold", "Payments are counted in whole numbers.")
            given["currency"] = ""
        return given


class Failed(NamedTuple):
    """A failed attempt: when, how much in minor units, in which currency."""

    at: datetime
    amount: int
    currency: str


@dataclass(frozen=True)
class FailuresJudge:
    """Failures in the order of their time; of one currency where an amount is judged."""

    failures: Sequence[Failed]
    threshold: Decimal
    window: timedelta
    currency: str

    def instants(self, after: datetime, until: datetime) -> Sequence[datetime]:
        moments = {moment for failed in self.failures for moment in (failed.at, failed.at + self.window)}
        return sorted(moment for moment in moments if after < moment <= until)

    def reading(self, at: datetime) -> Reading:
        begin = bisect_right(self.failures, at - self.window, key=lambda failed: failed.at)
        end = bisect_right(self.failures, at, key=lambda failed: failed.at)
        value = self._sums[end] - self._sums[begin] if self.currency else end - begin
        facts = {"failures": str(end - begin)}
        if begin < end:
            first, last = self.failures[begin], self.failures[end - 1]
            facts |= {"first": first.at.isoformat(), "last": last.at.isoformat()}
        return Reading(Decimal(value), self.threshold, facts=facts)

    def wakes(self, now: datetime) -> datetime | None:
        first = bisect_right(self.failures, now - self.window, key=lambda failed: failed.at)
        return self.failures[first].at + self.window if first < len(self.failures) else None

    def peak(self, since: datetime, until: datetime) -> Reading | None:
        """The highest reading at a failure between two instants: what came late may have been much at its time."""
        first = bisect_left(self.failures, since, key=lambda failed: failed.at)
        last = bisect_right(self.failures, until, key=lambda failed: failed.at)
        readings = [self.reading(failed.at) for failed in self.failures[first:last]]
        return max(readings, key=lambda reading: reading.value or Decimal(0), default=None)

    @cached_property
    def _sums(self) -> Sequence[int]:
        """What the first so many failures come to: a reading costs the same, however many fail within its window."""
        return [0, *accumulate(failed.amount for failed in self.failures)]


class PaymentFailures(Threshold):
    kind = RuleKind.PAYMENT_FAILURES
    form = Form
    about = "More failed payments than usual within a time, by their number or by what they come to."

    def judges(
        self, place: Place, params: Sequence[Params], after: datetime, until: datetime
    ) -> Sequence[FailuresJudge]:
        longest = max(int(one["minutes"]) for one in params)
        rows = Failure.objects.filter(
            workspace_id=place.workspace_id,
            mode=place.mode,
            happened_at__gt=after - timedelta(minutes=longest),
            happened_at__lte=until,
        )
        found = [
            Failed(*row) for row in rows.order_by("happened_at", "id").values_list("happened_at", "amount", "currency")
        ]
        return [_judge(found, one) for one in params]

    def summary(self, params: Params) -> str:
        much = (
            amount(minor(params["threshold"], params["currency"]), params["currency"])
            if params["currency"]
            else (payments(params["threshold"]))
        )
        return f"More than {much} failed within {span(int(params['minutes']))}"

    def words(self, place: Place, params: Params, reading: Reading, decision: Decision) -> Words:
        within, currency = span(int(params["minutes"])), params["currency"]
        limit = amount(minor(params["threshold"], currency), currency) if currency else params["threshold"]
        link = page(place, "billing:payments", "See the payments")
        if decision.outcome == Outcome.RECOVERED:
            lines = () if decision.since is None else (f"It was more for {lasting(decision.at - decision.since)}.",)
            return Words(f"Recovered: no more than {limit} in failed payments within {within}", lines, link=link)
        value = reading.value or Decimal(0)
        much = f"{amount(int(value), currency)} in payments" if currency else payments(f"{value:f}")
        fields = (("Threshold", f"more than {limit}"), ("Failed attempts", reading.facts["failures"]))
        return Words(f"{much} failed within {within}", (), fields, link)


def _judge(found: Sequence[Failed], params: Params) -> FailuresJudge:
    currency = str(params["currency"])
    threshold = Decimal(minor(params["threshold"], currency)) if currency else Decimal(params["threshold"])
    return FailuresJudge(
        failures=[failed for failed in found if not currency or failed.currency == currency],
        threshold=threshold,
        window=timedelta(minutes=int(params["minutes"])),
        currency=currency,
    )
