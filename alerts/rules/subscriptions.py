"""What there is to say of the subscription that a line is about: its plan, what it brings a month, when it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from billing.models import HistoryEntry, MrrSpan, Subscription
from billing.names import plan_names

from .base import Place
from .writing import amount, moment

ENDED: Final = "subscription.ended"
SCHEDULED: Final = "subscription.cancel_scheduled"
_ENDS: Final = (ENDED, SCHEDULED)


@dataclass(frozen=True, slots=True)
class Facts:
    """A subscription as it was when a line was about it.

    `monthly` is its MRR by currency, in minor units: until then where the line tells of an end, else from then on.
    `ends`: when it ends, where the line says that this was set.
    """

    plan: str
    monthly: Mapping[str, Decimal] = field(default_factory=dict)
    ends: datetime | None = None

    def fields(self, kind: str, place: Place) -> list[tuple[str, str]]:
        """For a message about a line of that kind; what is not known is empty."""
        worth = " + ".join(amount(minor, currency) for currency, minor in sorted(self.monthly.items()))
        return [
            ("Plan", self.plan),
            ("MRR lost" if kind == ENDED else "MRR", worth),
            ("Ends", moment(self.ends, place) if self.ends else ""),
        ]


def is_about_one(line: HistoryEntry) -> bool:
    """Whether a line is about a subscription."""
    return line.object_kind == "subscription"


def subscriptions_of(place: Place, lines: Sequence[HistoryEntry]) -> dict[int, Facts]:
    """The facts of the subscriptions that lines (by key) are about. Four queries at most, in scope."""
    about = {line.pk: line.object_id for line in lines if is_about_one(line)}
    here = {"workspace_id": place.workspace_id, "mode": place.mode}
    rows = Subscription.objects.filter(**here, stripe_id__in=set(about.values())) if about else ()
    known = {row.stripe_id: row for row in rows}
    if not known:
        return {}
    prices = {stripe_id: [item["price"] for item in row.items] for stripe_id, row in known.items()}
    plans = plan_names(place.workspace_id, place.mode, {price for some in prices.values() for price in some})
    spans = MrrSpan.objects.filter(**here, customer__in={row.customer for row in known.values()}, trial=False)
    found = list(spans.filter(subscription__in=known))
    return {
        line.pk: Facts(
            plan=", ".join(str(plans[price]) for price in prices[line.object_id]),
            monthly=_monthly(
                [span for span in found if span.subscription == line.object_id], line, known[line.object_id]
            ),
            ends=_ends(known[line.object_id]) if line.kind == SCHEDULED else None,
        )
        for line in lines
        if about.get(line.pk) in known
    }


def _monthly(spans: Sequence[MrrSpan], line: HistoryEntry, row: Subscription) -> dict[str, Decimal]:
    """MRR is a step function: at the step, its left side for what ends, its right side for what begins."""
    when = line.happened_at
    if line.kind == ENDED and row.ended_at is not None:  # Stripe may tell of it a while after it was over
        when = min(when, row.ended_at)
    at = int(when.timestamp())
    found: dict[str, Decimal] = {}
    for span in spans:
        if span.starts < at <= span.ends if line.kind in _ENDS else span.starts <= at < span.ends:
            found[span.currency] = found.get(span.currency, Decimal(0)) + span.monthly
    return {currency: monthly for currency, monthly in found.items() if monthly}


def _ends(row: Subscription) -> datetime | None:
    return row.cancel_at or (row.current_period_end if row.cancel_at_period_end else None)
