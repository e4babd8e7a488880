"""What each day did to each customer's MRR. Source: metrics.md, Movements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from fractions import Fraction
from itertools import groupby
from typing import Literal

from pqintel.simulator.state import Subscription

from .timeline import Timeline

MovementKind = Literal["new", "expansion", "contraction", "churn", "reactivation"]
NOTHING = Fraction(0)
Holder = tuple[str, str]
"""(currency, customer): whom an MRR belongs to."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One customer's change of MRR on one day, in one currency. `amount` is exact, in minor units, never negative.

    `involuntary` is for churn only: every subscription lost that day ended because of a failed payment.
    """

    day: date
    currency: str
    customer: str
    kind: MovementKind
    amount: Fraction
    involuntary: bool = False


@dataclass(slots=True)
class Day:
    """The close of one day on which something changed: every currency's MRR in minor units, and what moved."""

    day: date
    mrr: dict[str, Fraction]
    movements: list[Movement]


@dataclass(slots=True)
class _Standing:
    """MRR as it stands while the days go by."""

    subscriptions: dict[str, tuple[Subscription, Fraction]] = field(default_factory=dict)
    fell: dict[str, Subscription] = field(default_factory=dict)
    """What each subscription was when its MRR was last lost: what becomes of it afterwards is no reason for that."""
    holders: dict[Holder, Fraction] = field(default_factory=dict)
    currencies: dict[str, Fraction] = field(default_factory=dict)

    def set(self, state: Subscription, amount: Fraction) -> None:
        """Note a subscription's MRR."""
        change = amount - self.of(state.id)
        if change < 0 and not amount:
            self.fell[state.id] = state
        self.subscriptions[state.id] = (state, amount)
        holder = (state.currency, state.customer)
        self.holders[holder] = self.holders.get(holder, NOTHING) + change
        self.currencies[state.currency] = self.currencies.get(state.currency, NOTHING) + change

    def of(self, subscription: str) -> Fraction:
        """Return a subscription's MRR as it stands."""
        return self.subscriptions[subscription][1] if subscription in self.subscriptions else NOTHING


def days(timeline: Timeline, zone: tzinfo = UTC) -> Iterator[Day]:
    """Yield the days on which any subscription changed, in order, each as it closed in the time zone."""
    standing = _Standing()
    ever: set[Holder] = set()
    by_day = groupby(timeline.changes(), key=lambda change: datetime.fromtimestamp(change[0], zone).date())
    for day, changes in by_day:
        before_holders: dict[Holder, Fraction] = {}
        before_subscriptions: dict[str, Fraction] = {}
        for at, subscription_id, state in changes:
            holder = (state.currency, state.customer)
            before_holders.setdefault(holder, standing.holders.get(holder, NOTHING))
            before_subscriptions.setdefault(subscription_id, standing.of(subscription_id))
            rates = timeline.rates_of(state, at)
            standing.set(state, sum((rate.amount for rate in rates if not rate.trial), NOTHING))
        movements = []
        for holder, before in before_holders.items():
            after = standing.holders[holder]
            if before == after:
                continue
            kind = _kind(before, after, returning=holder in ever)
            if after:
                ever.add(holder)
            involuntary = kind == "churn" and _ended_by_payment(standing, before_subscriptions, holder)
            movements.append(Movement(day, *holder, kind, abs(after - before), involuntary))
        yield Day(day, dict(standing.currencies), movements)


def _kind(before: Fraction, after: Fraction, *, returning: bool) -> MovementKind:
    if not before:
        return "reactivation" if returning else "new"
    if not after:
        return "churn"
    return "expansion" if after > before else "contraction"


def _ended_by_payment(standing: _Standing, before: dict[str, Fraction], holder: Holder) -> bool:
    """Whether all that the customer lost today ended by failed payments. A paying subscription gets the *status*
    paused or unpaid only at the end of its retries."""
    lost = [
        standing.fell[state.id]
        for state, amount in (standing.subscriptions[subscription] for subscription in before)
        if (state.currency, state.customer) == holder and not amount and before[state.id]
    ]
    return bool(lost) and all(
        state.status in ("unpaid", "paused") or (state.ended and state.cancellation_reason == "payment_failed")
        for state in lost
    )
